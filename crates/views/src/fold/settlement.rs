//! What settlement did: quotas, obligations, runs.

use rusqlite::params;
use settlement::{Event, Short, Total};
use vocabulary::{Date, SettlementModel, TradeId};

use crate::batch::Batch;
use crate::columns::{Minor, stored, thread};
use crate::error::ViewsError;
use crate::fold::settled::party_code;
use crate::fold::trades::Settling;
use crate::words;

/// Whether totals are of what was due, or of what has settled.
const DUE: &str = "due";
const SETTLED: &str = "settled";

impl<'a> Batch<'a> {
    pub(crate) fn fold_settlement(&mut self, event: &'a Event) -> Result<(), ViewsError> {
        match event {
            Event::QuotaSet { participant, asset, quota } => {
                self.quotas.set(*participant, *asset, *quota);
                Ok(())
            }
            Event::CalendarDefined { .. } | Event::SettlementModelSet { .. } => Ok(()),
            Event::ShortfallRecorded { participant, asset, missing } if missing.is_zero() => self.run(
                "DELETE FROM shortfalls WHERE participant = ? AND asset = ?",
                [participant.0.as_str(), asset.0.as_str()],
            ),
            Event::ShortfallRecorded { participant, asset, missing } => {
                let row = params![
                    participant.0.as_str(),
                    asset.0.as_str(),
                    Minor::from(*missing),
                    self.at.position()
                ];
                self.run("INSERT OR REPLACE INTO shortfalls VALUES (?, ?, ?, ?)", row)
            }
            Event::QuotaHeld { terms, reserved } => {
                self.touch(terms.order);
                self.quotas.hold(terms, *reserved);
                Ok(())
            }
            Event::ObligationRecorded { obligation } => {
                self.touch(obligation.terms.order);
                self.quotas.confirm(&obligation.terms, obligation.fill.used);
                self.settle_trade(obligation.fill.trade, Settling::Due(obligation.date))
            }
            Event::QuotaReduced { terms, what: given_back, .. }
            | Event::QuotaReleased { terms, released: given_back, .. } => {
                self.touch(terms.order);
                self.quotas.release(terms, *given_back);
                Ok(())
            }
            Event::RunStarted { .. } => self.start_run(event),
            Event::PositionNetted { .. } => self.note_net(event),
            Event::TradeSettled { run, date, model, buy, sell } => {
                self.settles_here = true;
                for side in [buy, sell] {
                    self.touch(side.terms.order);
                    self.quotas.settle(&side.terms, side.fill.used);
                    self.settled.add(*run, *model, side);
                }
                let settled = Settling::Settled { run: *run, model: *model, on: *date };
                self.settle_trade(buy.fill.trade, settled)
            }
            Event::TradeRecycled { run, trade, buy, sell, model, from, to, short } => {
                self.touch(*buy);
                self.touch(*sell);
                self.recycle(*run, *trade, *model, (*from, *to), short)
            }
            Event::RunCompleted { run, settled, recycled, totals, .. } => {
                self.complete_run(*run, *settled, *recycled)?;
                self.write_totals(*run, SETTLED, totals)
            }
        }
    }

    fn note_net(&self, event: &Event) -> Result<(), ViewsError> {
        let Event::PositionNetted { run, party, asset, gross_in, gross_out, net, .. } = event else {
            return Ok(());
        };
        self.run(
            "INSERT INTO netted_positions VALUES (?, ?, ?, ?, ?, ?)",
            params![
                stored(*run),
                asset.0.as_str(),
                party_code(party),
                Minor::from(*gross_in),
                Minor::from(*gross_out),
                Minor::from(*net)
            ],
        )
    }

    fn complete_run(&self, run: u64, settled: u64, recycled: u64) -> Result<(), ViewsError> {
        let (position, time) = (self.at.position(), self.at.time());
        self.run(
            "UPDATE runs SET completed_position = ?, completed_time = ?, settled = ?, recycled = ? WHERE run = ?",
            [position, time, stored(settled), stored(recycled), stored(run)],
        )
    }

    fn start_run(&mut self, event: &Event) -> Result<(), ViewsError> {
        let Event::RunStarted { run, date, trades, totals, covers } = event else { return Ok(()) };
        self.run(
            "INSERT INTO runs (run, date, actor, correlation, started_position, started_time, trades)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                stored(*run),
                date.to_string(),
                self.at.actor.0.as_str(),
                thread(self.at.correlation),
                self.at.position(),
                self.at.time(),
                stored(*trades)
            ],
        )?;
        self.write_totals(*run, DUE, totals)?;
        for cover in covers {
            self.run(
                "INSERT INTO run_covers VALUES (?, ?, ?, ?, ?)",
                params![
                    stored(*run),
                    cover.participant.0.as_str(),
                    cover.asset.0.as_str(),
                    Minor::from(cover.outgoing),
                    Minor::from(cover.missing)
                ],
            )?;
        }
        Ok(())
    }

    fn write_totals(&self, run: u64, what: &str, totals: &[Total]) -> Result<(), ViewsError> {
        for total in totals {
            self.run(
                "INSERT INTO run_totals VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    stored(run),
                    what,
                    total.asset.0.as_str(),
                    Minor::from(total.delivered),
                    Minor::from(total.received),
                    Minor::from(total.fees)
                ],
            )?;
        }
        Ok(())
    }

    fn recycle(
        &mut self,
        run: u64,
        trade: TradeId,
        model: SettlementModel,
        (from, to): (Date, Date),
        short: &Short,
    ) -> Result<(), ViewsError> {
        self.settle_trade(trade, Settling::Recycled(to))?;
        self.run(
            "INSERT INTO recyclings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                stored(run),
                stored(trade.position),
                trade.index,
                words::model(model),
                from.to_string(),
                to.to_string(),
                short.participant.0.as_str(),
                short.asset.0.as_str(),
                Minor::from(short.missing),
                self.at.position()
            ],
        )
    }
}
