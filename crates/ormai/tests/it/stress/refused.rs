//! Calls that must be refused.

use ormai::prelude::*;

use super::journal::{Changes, Ending};
use super::tables::{CAP, NEGATIVE, RAISES, TAKES_LONG, first_key};
use super::writer::{Writer, create, ended, update};
use super::{TENANTS, WRITERS};

impl Writer {
    /// New rows that the database or the policy refuses, and one that is only tried.
    pub(super) async fn refused_create(&mut self) {
        let (key, mut note) = self.new_note();
        let (what, expected) = match self.chance.below(12) {
            0..=2 => {
                let Some((_, taken)) = self.some_note() else { return };
                note.word = taken.word;
                ("a word that is taken", ErrorCode::Conflict)
            }
            3..=4 => {
                note.shared_id = (note.shared_id + 2) % (2 * TENANTS as i64);
                ("a stranger's row referred to", ErrorCode::ValidationError)
            }
            5..=6 => {
                note.shared_id = -1;
                ("no row referred to", ErrorCode::ValidationError)
            }
            7..=8 => {
                note.amount = NEGATIVE;
                ("a check", ErrorCode::ValidationError)
            }
            9 => {
                note.amount = RAISES;
                ("a trigger that raises", ErrorCode::ValidationError)
            }
            // Rarely: it is a second of everybody's on SQLite.
            10 if self.chance.is(20) => {
                note.amount = TAKES_LONG;
                ("a trigger that takes long", ErrorCode::Timeout)
            }
            _ => {
                let (polls, ctx) = (self.polls(), self.context());
                let call = self.tools.create(&ctx, create(self.number, key, &note).dry_run());
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                self.journal.ended("dry run", Changes::new(), None, &ending);
                return;
            }
        };
        let (polls, ctx) = (self.polls(), self.context());
        let ending = ended(polls, async { self.tools.create(&ctx, create(self.number, key, &note)).await.map(|_| ()) });
        let ending = ending.await;
        self.refused(what, expected, ending);
    }

    /// Changes that reach no row of this tenant, or too many.
    pub(super) async fn refused_change(&mut self) {
        let stranger = (self.number + 1 + self.chance.index(TENANTS - 1)) % WRITERS;
        let key = first_key(stranger) + i64::try_from(self.chance.below(20)).unwrap();
        let (polls, ctx) = (self.polls(), self.context());
        let (what, expected, ending) = match self.chance.below(4) {
            0 => {
                let call = self.tools.update(&ctx, update(key, 7));
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("a stranger's row updated", ErrorCode::RecordNotFound, ending)
            }
            1 => {
                let call = self.tools.delete(&ctx, Delete::new("Note", key));
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("a stranger's row deleted", ErrorCode::RecordNotFound, ending)
            }
            2 => {
                let Some((key, _)) = self.some_note() else { return };
                let call = self.tools.update(&ctx, update(key, NEGATIVE));
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("an update against a check", ErrorCode::ValidationError, ending)
            }
            _ if self.journal.notes.len() > CAP => {
                let bulk = BulkUpdate::new("Note").filter(field("writer").eq(self.number)).set("amount", 7);
                let call = self.tools.bulk_update(&ctx, bulk);
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("more rows than may change", ErrorCode::MaxAffectedRowsExceeded, ending)
            }
            _ => return,
        };
        self.refused(what, expected, ending);
    }

    fn refused(&mut self, what: &str, expected: ErrorCode, ending: Ending) {
        match ending {
            Ending::Done => self.journal.refused(what, expected, Ok(())),
            Ending::Refused(error) => self.journal.refused(what, expected, Err(error)),
            Ending::GivenUp => self.journal.count(&format!("{what}: given up")),
        }
    }
}
