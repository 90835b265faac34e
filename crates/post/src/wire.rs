//! Between what nodes speak of and what the schema describes.

use crate::schema;
use engine::{Answer, Command, Context, MessageId, Request};
use node::Parcel;
use tonic::Status;
use vocabulary::Reason;

/// A parcel as it travels.
pub(crate) fn packed(parcel: &Parcel) -> schema::Parcel {
    let request = minicbor::to_vec(&parcel.request).expect("a request encodes into memory");
    schema::Parcel { to: number(parcel.to), shard: parcel.shard.into(), request }
}

/// A parcel that has arrived, and was for that context.
pub(crate) fn unpacked(parcel: &schema::Parcel) -> Result<Parcel, Status> {
    let bad = |what: &str| Status::invalid_argument(format!("a parcel {what}"));
    let to = context(parcel.to).ok_or_else(|| bad("is for no context that is known here"))?;
    let shard = u16::try_from(parcel.shard).map_err(|_| bad("has a shard's number beyond 65535"))?;
    let request: Request =
        minicbor::decode(&parcel.request).map_err(|error| bad(&format!("holds no request: {error}")))?;
    let Command::Deliver { message, body, .. } = &request.command else {
        return Err(bad("holds a command that is no message"));
    };
    if body.to() != to || body.shard() != shard {
        return Err(bad("says it is for another one than its message"));
    }
    Ok(Parcel { to, shard, message: *message, request })
}

pub(crate) fn answer(message: MessageId, answer: Answer) -> schema::Answer {
    use schema::answer::Verdict;
    let MessageId { position, index, from } = message;
    let verdict = match answer {
        Answer::Yes => Verdict::Yes(schema::Yes {}),
        Answer::No(Reason { code, message }) => Verdict::No(schema::No { code, message }),
        Answer::Later => Verdict::Later(schema::Later {}),
    };
    let message = schema::MessageId { position, index, from: number(from) };
    schema::Answer { message: Some(message), verdict: Some(verdict) }
}

/// An answer that has come back; nothing if it is not one.
pub(crate) fn answered(answer: schema::Answer) -> Option<(MessageId, Answer)> {
    use schema::answer::Verdict;
    let schema::MessageId { position, index, from } = answer.message?;
    let message = MessageId { position, index, from: context(from)? };
    let answer = match answer.verdict? {
        Verdict::Yes(_) => Answer::Yes,
        Verdict::No(schema::No { code, message }) => Answer::No(Reason { code, message }),
        Verdict::Later(_) => Answer::Later,
    };
    Some((message, answer))
}

fn number(context: Context) -> i32 {
    let named = match context {
        Context::Trading => schema::Context::Trading,
        Context::Settlement => schema::Context::Settlement,
        Context::Risk => schema::Context::Risk,
        Context::Compliance => schema::Context::Compliance,
    };
    named.into()
}

fn context(number: i32) -> Option<Context> {
    match schema::Context::try_from(number).ok()? {
        schema::Context::Unspecified => None,
        schema::Context::Trading => Some(Context::Trading),
        schema::Context::Settlement => Some(Context::Settlement),
        schema::Context::Risk => Some(Context::Risk),
        schema::Context::Compliance => Some(Context::Compliance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Message;
    use vocabulary::CorrelationId;

    fn parcel() -> Parcel {
        let message = MessageId { position: 7, index: 2, from: Context::Trading };
        let participant = "NORTH".parse().unwrap();
        let body = Message::Definition(
            Context::Risk,
            Box::new(trading::Command::RegisterParticipant { participant }),
        );
        let request = Request {
            command_id: None,
            correlation: CorrelationId(9),
            actor: "system".parse().unwrap(),
            command: Command::Deliver { message, body: Box::new(body), answered_below: message },
        };
        Parcel { to: Context::Risk, shard: 0, message, request }
    }

    #[test]
    fn a_parcel_arrives_as_it_was_sent() {
        let arrived = unpacked(&packed(&parcel())).unwrap();
        assert_eq!(arrived.request, parcel().request);
        assert_eq!((arrived.to, arrived.shard, arrived.message), (Context::Risk, 0, parcel().message));
    }

    #[test]
    fn a_parcel_that_is_not_what_it_says_is_turned_back() {
        let good = packed(&parcel());
        let wrong = |change: &dyn Fn(&mut schema::Parcel)| {
            let mut parcel = good.clone();
            change(&mut parcel);
            unpacked(&parcel).unwrap_err().message().to_owned()
        };
        assert!(wrong(&|parcel| parcel.to = 0).contains("no context"));
        assert!(wrong(&|parcel| parcel.to = number(Context::Settlement)).contains("another one"));
        assert!(wrong(&|parcel| parcel.shard = 1).contains("another one"));
        assert!(wrong(&|parcel| parcel.shard = 65_536).contains("beyond"));
        assert!(wrong(&|parcel| parcel.request.truncate(3)).contains("no request"));
        let request = Request { command: Command::ExpireDeadlines, ..self::parcel().request };
        let bytes = minicbor::to_vec(&request).unwrap();
        assert!(wrong(&|parcel| parcel.request = bytes.clone()).contains("no message"));
    }

    #[test]
    fn answers_come_back_as_they_were_given() {
        let message = parcel().message;
        let no = Answer::No(Reason { code: "risk.limit".to_owned(), message: "too much".to_owned() });
        for given in [Answer::Yes, no, Answer::Later] {
            assert_eq!(answered(answer(message, given.clone())), Some((message, given)));
        }
        assert_eq!(answered(schema::Answer { message: None, verdict: None }), None);
    }
}
