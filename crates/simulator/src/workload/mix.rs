//! What is done next: acts, and the themes in which some of them abound.
//!
//! A seed draws a few themes and how strong they are; the workload goes from one to another. Every act is drawn now and
//! then, whatever the theme.

use trading::Phase;
use vocabulary::Date;

use super::memory::Known;
use crate::Dice;

/// Something that a client or an operator does. An index is that of a listed instrument or of an account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    Place(Style),
    PlaceIn(usize, Style),
    /// An order, and at once what takes it back or changes it.
    Race,
    Cancel,
    CancelLatest,
    CancelNamed,
    Replace,
    /// An order that trades with some on the book, and before that is decided, the replacement of these.
    Overtake,
    ReplaceKnown(Known),
    CancelAll,
    MovePhase,
    SetPhase(usize, Phase),
    Reopen,
    /// Orders collect, and trade at one price.
    Auction,
    Reference,
    ReferenceOf(usize),
    NextDay,
    OpenDay(u16, Date),
    Deposit,
    DepositTo(usize, u16),
    Withdraw,
    NewAccount,
    OpenAccount(usize, u16),
    Redefine,
    Quota,
    Limit,
    Thresholds,
    /// A switch, orders against it, and mostly its lifting.
    KillStorm,
    Engage,
    Lift,
    Process,
    Shortfall,
    /// Something is missing when a day settles, and is there on the next.
    Shortage,
    Cover,
    Calendar,
    Model,
    Propose,
    /// A block trade is proposed and answered.
    Deal,
    AnswerBlock,
    RetryBlock,
    Policy,
    HousePolicy,
    BadPolicy,
    Restrict,
    Unrestrict,
    Access,
    RetryMessage,
    Mistake,
    Repeat,
    RepeatChanged,
}

/// How an order is priced and how long it is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Anything usual.
    Plain,
    /// Close to the reference on either side, so that most of them trade.
    Crossing,
    /// Away from the market, so that it rests.
    Passive,
    /// At once or not at all.
    AtOnce,
    /// As large, or as far off, as is allowed, or a little more.
    Edge,
}

/// What abounds for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theme {
    Crossing,
    Races,
    Edges,
    Auctions,
    KillSwitches,
    Shortages,
    Blocks,
    Policies,
    Funds,
    Disorder,
}

const THEMES: [Theme; 10] = [
    Theme::Crossing,
    Theme::Races,
    Theme::Edges,
    Theme::Auctions,
    Theme::KillSwitches,
    Theme::Shortages,
    Theme::Blocks,
    Theme::Policies,
    Theme::Funds,
    Theme::Disorder,
];

type Weights = [(u64, Act)];

/// What is done whatever the theme.
const ORDINARY: &Weights = &[
    (30, Act::Place(Style::Plain)),
    (16, Act::Place(Style::Crossing)),
    (8, Act::Place(Style::Passive)),
    (5, Act::Place(Style::AtOnce)),
    (2, Act::Place(Style::Edge)),
    (2, Act::Race),
    (5, Act::Cancel),
    (1, Act::CancelLatest),
    (2, Act::CancelNamed),
    (7, Act::Replace),
    (3, Act::Overtake),
    (1, Act::CancelAll),
    (2, Act::MovePhase),
    (6, Act::Reopen),
    (1, Act::Auction),
    (1, Act::Reference),
    (1, Act::NextDay),
    (3, Act::Deposit),
    (2, Act::Withdraw),
    (1, Act::NewAccount),
    (1, Act::Redefine),
    (2, Act::Quota),
    (2, Act::Limit),
    (1, Act::Thresholds),
    (1, Act::KillStorm),
    (3, Act::Lift),
    (2, Act::Process),
    (1, Act::Shortfall),
    (1, Act::Shortage),
    (1, Act::Cover),
    (1, Act::Calendar),
    (1, Act::Model),
    (2, Act::Deal),
    (2, Act::AnswerBlock),
    (1, Act::RetryBlock),
    (1, Act::Policy),
    (1, Act::BadPolicy),
    (1, Act::Restrict),
    (2, Act::Unrestrict),
    (1, Act::Access),
    (1, Act::RetryMessage),
    (3, Act::Mistake),
    (3, Act::Repeat),
    (1, Act::RepeatChanged),
];

impl Theme {
    fn weights(self) -> &'static Weights {
        match self {
            Self::Crossing => &[(110, Act::Place(Style::Crossing)), (20, Act::Place(Style::AtOnce))],
            Self::Races => &[
                (40, Act::Race),
                (20, Act::Cancel),
                (15, Act::CancelLatest),
                (10, Act::CancelNamed),
                (25, Act::Replace),
                (20, Act::Overtake),
                (3, Act::CancelAll),
                (20, Act::Place(Style::Passive)),
            ],
            Self::Edges => &[
                (35, Act::Place(Style::Edge)),
                (40, Act::Place(Style::Crossing)),
                (8, Act::Quota),
                (12, Act::Limit),
                (4, Act::Thresholds),
                (6, Act::Process),
                (5, Act::Cancel),
            ],
            Self::Auctions => {
                &[(14, Act::Auction), (6, Act::MovePhase), (4, Act::Reference), (10, Act::Reopen)]
            }
            Self::KillSwitches => {
                &[(12, Act::KillStorm), (3, Act::Engage), (8, Act::Lift), (3, Act::CancelAll)]
            }
            Self::Shortages => &[
                (60, Act::Place(Style::Crossing)),
                (8, Act::Shortage),
                (4, Act::Withdraw),
                (4, Act::Process),
                (2, Act::Calendar),
                (2, Act::Model),
            ],
            Self::Blocks => &[
                (25, Act::Deal),
                (10, Act::Propose),
                (25, Act::AnswerBlock),
                (5, Act::RetryBlock),
                (2, Act::Engage),
                (4, Act::Lift),
            ],
            Self::Policies => &[
                (8, Act::Policy),
                (3, Act::HousePolicy),
                (5, Act::BadPolicy),
                (5, Act::Restrict),
                (8, Act::Unrestrict),
                (50, Act::Place(Style::Plain)),
            ],
            Self::Funds => &[
                (30, Act::Deposit),
                (30, Act::Withdraw),
                (6, Act::NewAccount),
                (6, Act::Process),
                (30, Act::Place(Style::Crossing)),
            ],
            Self::Disorder => &[
                (30, Act::Repeat),
                (15, Act::RepeatChanged),
                (25, Act::Mistake),
                (6, Act::Redefine),
                (6, Act::RetryMessage),
                (6, Act::Access),
                (40, Act::Place(Style::Plain)),
            ],
        }
    }
}

/// The themes of one workload.
pub(super) struct Mix {
    themes: Vec<Theme>,
    /// How much a theme outweighs what is ordinary.
    strength: u64,
    now: Theme,
    /// Acts until the next theme.
    left: u64,
}

impl Mix {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let count = dice.between(1, 4);
        let themes: Vec<_> = (0..count).map(|_| *dice.pick(&THEMES)).collect();
        let now = themes[0];
        Self { themes, strength: dice.between(1, 5), now, left: dice.between(20, 150) }
    }

    pub(super) fn next(&mut self, dice: &mut Dice) -> Act {
        if self.left == 0 {
            self.now = *dice.pick(&self.themes);
            self.left = dice.between(20, 150);
        }
        self.left -= 1;
        let themed = self.now.weights().iter().map(|(weight, act)| (weight * self.strength, *act));
        let weights = ORDINARY.iter().copied().chain(themed);
        let mut at = dice.below(weights.clone().map(|(weight, _)| weight).sum());
        for (weight, act) in weights {
            if at < weight {
                return act;
            }
            at -= weight;
        }
        unreachable!("the weights add up to more than what was drawn")
    }
}
