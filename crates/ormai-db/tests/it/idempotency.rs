//! The ledger of idempotency keys.

use jiff::Timestamp;
use ormai_core::idempotency::{Claim, Standing};
use ormai_core::principal::Principal;
use ormai_core::request::{Create, Request};
use ormai_db::idempotency::{Claimed, Recorded, claim, find, record};
use ormai_db::{Database, DbError, OwnTable, Session};
use ormai_testkit::{TestDatabase, every_engine};

use crate::install::tasks;
use crate::support::{LONG, connect};

/// Every kind of character that a driver or server could change.
const ANSWER: &str = "{\"id\": 1, \"note\": \"a'b\\\"c\\\\d \\u0000 é 𝄞  \", \"total\": \"1.10\"}";

fn asked(key: &str) -> Claim {
    let request: Request = Create::new("Order").set("status", "open").into();
    Claim::of_key(&Principal::new("acme").user("u"), key, &request, "1-abc").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

async fn installed(test: &TestDatabase) -> Database {
    let database = connect(test, 20).await;
    database.install(OwnTable::Idempotency).await.unwrap();
    database
}

/// Claims, records and commits; the answer of whoever was first.
async fn once(database: &Database, claimed: &Claim, answer: &str) -> Result<(bool, String), DbError> {
    let mut session = Session::from_pool(database).await?;
    session.begin(LONG).await?;
    let done = match claim(&mut session, claimed, at(100), LONG).await? {
        Claimed::Fresh => {
            record(&mut session, claimed.id(), answer, LONG).await?;
            (true, answer.to_owned())
        }
        Claimed::Recorded(Recorded { fingerprint, answer }) => {
            assert_eq!(claimed.standing(&fingerprint), Standing::Same);
            (false, answer)
        }
    };
    session.commit().await?;
    session.finish().await?;
    Ok(done)
}

every_engine! {
    async fn a_key_finds_its_first_answer_byte_for_byte(test: &TestDatabase) {
        let database = installed(test).await;
        assert_eq!(once(&database, &asked("k"), ANSWER).await.unwrap(), (true, ANSWER.to_owned()));
        assert_eq!(once(&database, &asked("k"), "another").await.unwrap(), (false, ANSWER.to_owned()));
        assert_eq!(once(&database, &asked("K"), "another").await.unwrap(), (true, "another".to_owned()));
        assert_eq!(test.count("ormai_idempotency").await, 2);
    }

    async fn a_claim_that_is_rolled_back_is_nobodys(test: &TestDatabase) {
        let database = installed(test).await;
        let mut session = Session::from_pool(&database).await.unwrap();
        session.begin(LONG).await.unwrap();
        assert_eq!(claim(&mut session, &asked("k"), at(100), LONG).await.unwrap(), Claimed::Fresh);
        record(&mut session, asked("k").id(), "lost", LONG).await.unwrap();
        session.rollback().await.unwrap();
        assert_eq!(find(&mut session, asked("k").id(), LONG).await.unwrap(), None);
        session.finish().await.unwrap();
        assert_eq!(once(&database, &asked("k"), "kept").await.unwrap(), (true, "kept".to_owned()));
    }

    async fn of_many_who_claim_at_once_one_is_first(test: &TestDatabase) {
        let database = installed(test).await;
        let done = tasks(16, || {
            let database = database.clone();
            async move {
                loop {
                    match once(&database, &asked("k"), ANSWER).await {
                        Ok(done) => return done,
                        Err(error) => assert!(error.is_retryable(), "{error:?}"),
                    }
                }
            }
        })
        .await;
        assert_eq!(done.iter().filter(|(first, _)| *first).count(), 1, "{done:?}");
        assert!(done.iter().all(|(_, answer)| answer == ANSWER), "{done:?}");
        assert_eq!(test.count("ormai_idempotency").await, 1);
    }

    async fn a_waiting_claim_is_fresh_when_the_other_rolls_back(test: &TestDatabase) {
        let database = installed(test).await;
        let mut first = Session::from_pool(&database).await.unwrap();
        first.begin(LONG).await.unwrap();
        assert_eq!(claim(&mut first, &asked("k"), at(100), LONG).await.unwrap(), Claimed::Fresh);
        let other = database.clone();
        let waiting = tokio::spawn(async move { once(&other, &asked("k"), "second").await });
        tokio::task::yield_now().await;
        first.rollback().await.unwrap();
        first.finish().await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), (true, "second".to_owned()));
    }

    /// Somebody committed a transaction in which a call was dropped half way: nobody knows what of it stands.
    async fn a_claim_without_an_answer_is_not_done_again(test: &TestDatabase) {
        let database = installed(test).await;
        let mut session = Session::from_pool(&database).await.unwrap();
        session.begin(LONG).await.unwrap();
        assert_eq!(claim(&mut session, &asked("k"), at(100), LONG).await.unwrap(), Claimed::Fresh);
        session.commit().await.unwrap();
        session.finish().await.unwrap();
        assert!(once(&database, &asked("k"), "again").await.is_err());
    }

    async fn an_answer_needs_its_claim(test: &TestDatabase) {
        let database = installed(test).await;
        once(&database, &asked("k"), ANSWER).await.unwrap();
        let mut session = Session::from_pool(&database).await.unwrap();
        for key in ["k", "unclaimed"] {
            session.begin(LONG).await.unwrap();
            assert!(record(&mut session, asked(key).id(), "overwritten", LONG).await.is_err());
            session.rollback().await.unwrap();
        }
        session.finish().await.unwrap();
        assert_eq!(once(&database, &asked("k"), "another").await.unwrap(), (false, ANSWER.to_owned()));
    }

    async fn without_the_table_the_error_says_so(test: &TestDatabase) {
        let database = connect(test, 2).await;
        let missing = once(&database, &asked("k"), ANSWER).await.unwrap_err();
        assert!(matches!(missing, DbError::NotThere(_)), "{missing:?}");
        assert!(matches!(database.forget_idempotency(at(200), LONG).await, Err(DbError::NotThere(_))));
    }

    async fn old_keys_are_forgotten_and_approvals_are_not(test: &TestDatabase) {
        let database = installed(test).await;
        let request: Request = Create::new("Order").set("status", "open").into();
        let approval = Claim::of_approval("apr-1", &request, "1-abc").unwrap();
        for claimed in [&asked("k"), &asked("l"), &approval] {
            once(&database, claimed, ANSWER).await.unwrap();
        }
        assert_eq!(database.forget_idempotency(at(100), LONG).await.unwrap(), 0);
        assert_eq!(database.forget_idempotency(at(101), LONG).await.unwrap(), 2);
        assert!(once(&database, &asked("k"), "new").await.unwrap().0);
        assert!(!once(&database, &approval, "new").await.unwrap().0);
    }
}
