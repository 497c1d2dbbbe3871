//! Records that are taken elsewhere.

use super::*;

#[tokio::test]
async fn lines_are_exported_to_the_byte() {
    let place = Place::with_records().await;
    let told = place.json(&["export", "--output", "copy.jsonl"], 0);
    assert_eq!((&told["written"], &told["unreadable"]), (&told["lines"], &json!(0)));
    let copy = fs::read(place.path().join("copy.jsonl")).unwrap();
    assert_eq!(copy, fs::read(place.file()).unwrap());
    assert_eq!(place.run(&["export"], 0).as_bytes(), copy, "to standard output as well");
}

#[tokio::test]
async fn the_ending_of_the_name_says_the_form() {
    let place = Place::with_records().await;
    assert_eq!(
        place.told(&["export", "--output", "records.csv", "--tenant", "globex"], 0),
        "wrote 2 records to records.csv, of 7 lines"
    );
    let text = fs::read_to_string(place.path().join("records.csv")).unwrap();
    assert!(text.starts_with("id,timestamp,request_id,"), "{text}");
    assert_eq!(text.lines().count(), 3);

    place.run(&["export", "--output", "records.parquet"], 0);
    let bytes = fs::read(place.path().join("records.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[tokio::test]
async fn a_file_that_exists_stays_as_it_is_unless_somebody_says_so() {
    let place = Place::with_records().await;
    let path = place.path().join("records.csv");
    fs::write(&path, "mine").unwrap();
    let said = place.told(&["export", "--output", "records.csv"], 2);
    assert_eq!(said, "ormai: `records.csv` exists; --force overwrites it");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    place.run(&["export", "--output", "records.csv", "--force"], 0);
    assert_ne!(fs::read_to_string(&path).unwrap(), "mine");
}

#[cfg(unix)]
#[tokio::test]
async fn an_export_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::with_records().await;
    place.run(&["export", "--output", "records.csv"], 0);
    let mode = fs::metadata(place.path().join("records.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// An export without some of the records must not pass for all of them.
#[tokio::test]
async fn lines_that_cannot_be_read_make_an_export_fail() {
    let place = Place::with_records().await;
    let text = fs::read_to_string(place.file()).unwrap();
    fs::write(place.file(), text.replacen("\"kind\":\"record\"", "\"kind\":\"rekord\"", 1)).unwrap();
    let said = place.told(&["export", "--output", "records.csv"], 1);
    assert!(said.contains("1 lines could not be read; `ormai audit verify` tells where"), "{said}");
}

#[test]
fn where_nothing_can_be_read_no_file_is_left() {
    let place = Place::empty();
    place.run(&["export", "--output", "records.csv"], 1);
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("records")), "{left:?}");
}
