//! A database that does not take lines, or does not say whether it did.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use ormai_audit::{AuditStore, Chain, SqlStore, StoreError};
use ormai_testkit::TestDatabase;
use uuid::Uuid;

use super::{installed, lines, scanned};

#[tokio::test]
async fn a_file_that_may_only_be_read_is_not_available() {
    let database = TestDatabase::sqlite().await;
    let line = lines(&mut Chain::new(Uuid::now_v7()), 1);
    installed(&database).await.append(&line).await.unwrap();
    let store = SqlStore::connect(&format!("{}?mode=ro", database.url())).await.unwrap();
    let refused = store.append(&lines(&mut Chain::new(Uuid::now_v7()), 1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(scanned(&store).await.0, line, "but it can be read");
}

#[tokio::test]
async fn a_user_that_may_not_write_or_make_tables_is_told_so() {
    let database = TestDatabase::postgres().await;
    let role = database.role();
    database.execute(&format!("CREATE ROLE \"{role}\" LOGIN")).await;
    let (_, server) = database.url().split_once("://").unwrap();
    let (_, place) = server.split_once('@').unwrap();
    let store = SqlStore::connect(&format!("postgres://{role}@{place}")).await.unwrap();
    let unmade = store.install().await.unwrap_err();
    assert!(
        matches!(&unmade, StoreError::Unavailable(said) if said.contains("`ormai_audit` could not be made")),
        "{unmade:?}"
    );

    let owner = installed(&database).await;
    let mut chain = Chain::new(Uuid::now_v7());
    let appended = lines(&mut chain, 2);
    let refused = store.append(&appended).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");

    // These are enough, and let it take nothing back.
    database.execute(&format!(
        "GRANT SELECT, INSERT ON ormai_audit TO \"{role}\"; GRANT SELECT, INSERT, DELETE ON ormai_audit_writers TO \"{role}\""
    )).await;
    store.enter(chain.id()).await.unwrap();
    store.append(&appended).await.unwrap();
    store.leave(chain.id()).await.unwrap();
    assert_eq!(store.install().await.unwrap(), Vec::<&str>::new(), "nothing is missing");
    assert_eq!(scanned(&owner).await.0, appended);
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_available() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [format!("postgres://nobody@127.0.0.1:{port}/none"), format!("mysql://nobody@127.0.0.1:{port}/none")] {
        let refused = SqlStore::connect(&url).await.map(drop);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    for url in ["postgres://nobody:se:cret@@/", "oracle:secret", "mysql://nobody:secret@host:port/"] {
        let refused = SqlStore::connect(url).await.unwrap_err();
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

/// Stands between a store and its server.
struct Wire {
    url: String,
    state: Arc<AtomicU8>,
}

const WHOLE: u8 = 0;
/// The next answer is lost, and its connection with it.
const LOSES_ONE: u8 = 1;
/// No answer comes any more, and afterwards there are no connections.
const BREAKS: u8 = 2;
const BROKEN: u8 = 3;

impl Wire {
    fn to(url: &str) -> Self {
        let (before, rest) = url.split_once('@').unwrap();
        // A socket that the URL names would lead around the wire.
        let (server, database) = rest.split('?').next().unwrap().split_once('/').unwrap();
        let server = if server.contains(':') { server.to_owned() } else { format!("{server}:5432") };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let state = Arc::new(AtomicU8::new(WHOLE));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.load(Ordering::SeqCst) == BROKEN {
                    continue;
                }
                let server = TcpStream::connect(&server).unwrap();
                carry(client.try_clone().unwrap(), server.try_clone().unwrap(), || true);
                let shared = Arc::clone(&shared);
                carry(server, client, move || {
                    let next = |state| match state {
                        WHOLE => None,
                        LOSES_ONE => Some(WHOLE),
                        _ => Some(BROKEN),
                    };
                    shared.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).is_err()
                });
            }
        });
        Self { url, state }
    }
}

/// Carries bytes until the end, or until something is not to be carried.
fn carry(mut from: TcpStream, mut to: TcpStream, is_carried: impl Fn() -> bool + Send + 'static) {
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(many) = from.read(&mut bytes) {
            if many == 0 || !is_carried() || to.write_all(&bytes[..many]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}

#[tokio::test]
async fn lines_whose_commit_got_no_answer_are_there_once_or_in_doubt() {
    for database in [TestDatabase::postgres().await, TestDatabase::mysql().await] {
        let owner = installed(&database).await;
        let wire = Wire::to(database.url());
        let store = SqlStore::connect(&wire.url).await.unwrap();
        let mut chain = Chain::new(Uuid::now_v7());
        let mut appended = lines(&mut chain, 1);
        store.append(&appended).await.unwrap();

        // The server has done it, and its answer is lost: another connection finds out.
        let second = lines(&mut chain, 1);
        loop {
            wire.state.store(LOSES_ONE, Ordering::SeqCst);
            match store.append(&second).await {
                Ok(()) => break,
                // It was the answer to a new connection that was lost: nothing was sent.
                Err(StoreError::Unavailable(_)) => assert_eq!(scanned(&owner).await.0, appended),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(wire.state.load(Ordering::SeqCst), WHOLE, "an answer was lost");
        appended.extend(second);
        assert_eq!(scanned(&owner).await.0, appended);

        // What is lost before the commit of many is not there. A connection on its way back to the
        // pool may take the loss; then all of them are there.
        let lost = loop {
            wire.state.store(LOSES_ONE, Ordering::SeqCst);
            let third = lines(&mut chain, 600);
            match store.append(&third).await {
                Ok(()) => appended.extend(third),
                Err(StoreError::Unavailable(_)) => break third,
                Err(error) => panic!("{error:?}"),
            }
        };
        assert_eq!(scanned(&owner).await.0, appended);
        store.append(&lost).await.unwrap();

        // Nobody finds out any more. Where it is the answer to a new connection that is lost, it is
        // known that nothing was sent; then once more.
        let mut doubtful = Ok(());
        for _ in 0..50 {
            let wire = Wire::to(database.url());
            let store = SqlStore::connect(&wire.url).await.unwrap();
            let mut chain = Chain::new(Uuid::now_v7());
            // So that one of its connections is idle.
            for _ in 0..4 {
                store.append(&lines(&mut chain, 1)).await.unwrap();
            }
            wire.state.store(BREAKS, Ordering::SeqCst);
            doubtful = store.append(&lines(&mut chain, 1)).await;
            if matches!(doubtful, Err(StoreError::Doubtful(_))) {
                break;
            }
        }
        assert!(matches!(doubtful, Err(StoreError::Doubtful(_))), "{doubtful:?}");
    }
}
