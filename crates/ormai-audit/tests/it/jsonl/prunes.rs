//! Stubs take the place of lines in closed files.

use std::fs;
use std::path::Path;

use ormai_audit::{AuditStore, Body, Chain, Kind, StoreError, Stub, TrailKeys};

use super::{chain, closed_files, line, open, place, scanned};

/// A stub for the lines of a chain after this one, up to a number.
fn stub(before: &Chain, to: u64) -> Stub {
    let body = Body::from_text(Kind::Pruned, format!("{{\"to\":{to}}}")).unwrap();
    Stub::new(before.clone().link(&body, &TrailKeys::default()), to).unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn stubs_take_the_place_of_lines_in_a_closed_file_and_all_others_stay_to_the_byte() {
    let (directory, path) = place();
    let store = open(&path);
    let (mut one, mut two) = (chain(), chain());
    let first = line(&mut one);
    let stub = stub(&one, 3);
    let lines = [first, line(&mut one), line(&mut two), line(&mut one), line(&mut two)];
    store.append_now(&lines).unwrap();
    store.rotate().await.unwrap();
    let late = line(&mut one);
    store.append_now(std::slice::from_ref(&late)).unwrap();

    let source = closed_files(&path).remove(0);
    let page = store.scan(None, 10).await.unwrap();
    assert_eq!((page.source.as_str(), page.is_open), (source.as_str(), false));
    let page = store.scan(page.next.as_ref(), 10).await.unwrap();
    assert_eq!((page.source.as_str(), page.is_open), ("audit.jsonl", true));

    store.prune(&source, std::slice::from_ref(&stub)).await.unwrap();
    let expected = [&lines[0], stub.line(), &lines[2], &lines[4], &late].map(|line| line.text().to_owned());
    let found: Vec<String> = scanned(&store, 2).await.into_iter().map(|(_, _, line)| line).collect();
    assert_eq!(found, expected);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing else is left there");
}

#[tokio::test]
async fn where_a_line_is_not_there_or_is_no_record_nothing_is_pruned() {
    let (directory, path) = place();
    let store = open(&path);
    let mut one = chain();
    let begin = one.link(&Body::from_text(Kind::Begin, "{\"version\":1}".to_owned()).unwrap(), &TrailKeys::default());
    let before = one.clone();
    store.append_now(&[begin, line(&mut one)]).unwrap();
    store.rotate().await.unwrap();
    store.append_now(&[line(&mut one)]).unwrap();
    let source = closed_files(&path).remove(0);
    let kept = text(&path.with_file_name(&source));

    let refused = [
        // Its second line stands in the active file.
        (source.as_str(), stub(&before, 3)),
        // Its first line begins the chain.
        (source.as_str(), stub(&Chain::new(one.id()), 2)),
        ("audit.jsonl", stub(&before, 2)),
        ("../audit.jsonl", stub(&before, 2)),
    ];
    for (source, stub) in refused {
        let refused = store.prune(source, &[stub]).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    }
    assert_eq!(text(&path.with_file_name(&source)), kept);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn an_empty_file_is_not_rotated() {
    let (_directory, path) = place();
    let store = open(&path);
    store.rotate().await.unwrap();
    assert_eq!(closed_files(&path).len(), 0);
}
