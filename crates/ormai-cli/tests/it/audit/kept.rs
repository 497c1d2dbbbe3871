//! What is verified, proved and pruned.

use super::*;

/// Changes the file of the trail by hand.
fn tampered(place: &Place, change: impl Fn(&mut Vec<String>)) {
    let text = fs::read_to_string(place.file()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(place.file(), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

#[tokio::test]
async fn a_trail_that_nobody_changed_is_good() {
    let place = Place::with_records().await;
    let told = place.told(&["verify"], 0).replace(&public_key(), "PUBLIC KEY");
    insta::assert_snapshot!(told);
    let told = place.json(&["verify"], 0);
    assert_eq!(told["ok"], true);
    assert_eq!(told["stores"][0]["report"]["records"], 5);
}

/// Lines 1 to 7: the beginning, five records, a checkpoint.
#[tokio::test]
async fn the_first_bad_record_is_named() {
    for (change, line, record) in [
        ((|lines| lines[2] = lines[2].replacen("globex", "acme-x", 1)) as fn(&mut Vec<String>), 3, Some(1)),
        (|lines| drop(lines.remove(3)), 4, None),
        (|lines| lines.swap(4, 5), 5, None),
        (|lines| lines.insert(3, lines[2].clone()), 4, None),
    ] {
        let place = Place::with_records().await;
        tampered(&place, change);
        let told = place.json(&["verify"], 1);
        assert_eq!(told["ok"], false);
        let first = &told["stores"][0]["first"];
        assert_eq!(first["line"], line, "{first}");
        if let Some(record) = record {
            assert_eq!(first["id"], place.records[record].id.as_str());
        }
        assert!(place.told(&["verify"], 1).contains("NOT what its writers wrote"), "for people as well");
    }
}

#[tokio::test]
async fn what_is_cut_off_at_the_end_is_missed_by_checkpoints_kept_elsewhere() {
    let place = Place::with_records().await;
    let lines = fs::read_to_string(place.file()).unwrap();
    fs::write(place.path().join("kept.jsonl"), format!("{}\n", lines.lines().last().unwrap())).unwrap();
    place.run(&["verify", "--checkpoints", "kept.jsonl"], 0);
    tampered(&place, |lines| lines.truncate(4));
    place.run(&["verify"], 0);
    place.run(&["verify", "--checkpoints", "kept.jsonl"], 1);
    assert!(place.run(&["verify", "--checkpoints", "none.jsonl"], 2).contains("cannot be read"));
}

#[tokio::test]
async fn a_trail_is_verified_by_the_public_key_that_is_expected() {
    let place = Place::with_records().await;
    place.run(&["verify", "--public-key", &public_key()], 0);
    let other = SigningKey::from_seed([8; 32]).public().to_string();
    place.run(&["verify", "--public-key", &other], 1);
    place.run(&["verify", "--public-key", &other, "--public-key", &public_key()], 0);
    assert!(place.run(&["verify", "--public-key", "none"], 2).contains("`--public-key` is no public key"));
}

/// Who may not know the key still sees links, tree roots and signatures.
#[tokio::test]
async fn without_the_key_it_is_said_what_could_not_be_verified() {
    let place = Place::with_records().await;
    let ran = ormai(place.path(), &["audit", "verify", "--public-key", &public_key()]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("mind: no MAC key was given"), "{}", ran.out);
}

/// Copies of the checkpoints of all stores are in one file, and each store is asked for its own.
#[tokio::test]
async fn several_stores_are_verified_each_against_its_own_checkpoints() {
    let place = Place::empty();
    fs::write(
        place.path().join("ormai.yaml"),
        "database: {url: 'sqlite:shop.db?mode=rwc'}\npolicy: policy.yaml\naudit:\n  stores: [{path: a.jsonl}, {path: b.jsonl}]\n  \
         checkpoints: kept.jsonl\n",
    )
    .unwrap();
    for store in ["a.jsonl", "b.jsonl"] {
        place.write(&records()).await;
        fs::rename(place.file(), place.path().join(store)).unwrap();
    }
    let lines = |store: &str| fs::read_to_string(place.path().join(store)).unwrap();
    let last = |store: &str| lines(store).lines().last().unwrap().to_owned();
    fs::write(place.path().join("kept.jsonl"), format!("{}\n{}\n", last("a.jsonl"), last("b.jsonl"))).unwrap();
    assert_eq!(place.json(&["verify"], 0)["stores"].as_array().unwrap().len(), 2);

    let cut = lines("b.jsonl").lines().take(4).map(|line| format!("{line}\n")).collect::<String>();
    fs::write(place.path().join("b.jsonl"), cut).unwrap();
    let told = place.json(&["verify"], 1);
    assert_eq!((&told["stores"][0]["ok"], &told["stores"][1]["ok"]), (&json!(true), &json!(false)));
    place.run(&["verify", "--store", "1"], 0);
    place.run(&["verify", "--store", "2"], 1);
}

/// An export of all lines is a store like the one that it is from.
#[tokio::test]
async fn an_export_of_lines_is_verified_elsewhere() {
    let place = Place::with_records().await;
    place.run(&["export", "--output", "copy.jsonl"], 0);
    fs::write(
        place.path().join("copy.yaml"),
        "database: {url: 'sqlite:shop.db?mode=rwc'}\npolicy: policy.yaml\naudit: {path: copy.jsonl}\n",
    )
    .unwrap();
    place.run(&["verify", "--config", "copy.yaml"], 0);
    let copy = place.path().join("copy.jsonl");
    fs::write(&copy, fs::read_to_string(&copy).unwrap().replacen("globex", "acme-x", 1)).unwrap();
    place.run(&["verify", "--config", "copy.yaml"], 1);
}

#[tokio::test]
async fn a_proof_convinces_who_has_the_public_key_and_nothing_else() {
    let place = Place::with_records().await;
    let id = place.records[2].id.as_str();
    place.run(&["prove", id, "--output", "proof.json"], 0);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(place.path().join("proof.json"), elsewhere.path().join("proof.json")).unwrap();
    let check = |key: &str, code| {
        let ran = ormai(elsewhere.path(), &["audit", "prove", "--check", "proof.json", "--public-key", key]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        format!("{}{}", ran.out, ran.err)
    };
    let told = check(&public_key(), 0);
    assert!(told.contains(id) && told.contains("proved: it stands in chain"), "{told}");
    let told = check(&SigningKey::from_seed([8; 32]).public().to_string(), 1);
    assert!(told.contains("NOT proved: the checkpoint is not signed by this key"), "{told}");

    let proof = fs::read_to_string(elsewhere.path().join("proof.json")).unwrap();
    fs::write(elsewhere.path().join("proof.json"), proof.replacen("FIELD_NOT_ALLOWED", "QUERY_TOO_BROAD!!", 1))
        .unwrap();
    assert!(check(&public_key(), 1).contains("NOT proved"));
    fs::write(elsewhere.path().join("proof.json"), "{}").unwrap();
    assert!(check(&public_key(), 1).contains("is no proof"));
    check("no key", 2);

    assert!(place.run(&["prove", id, "--output", "proof.json"], 2).contains("exists"), "it is not overwritten");
    assert!(place.run(&["prove", "aud-none"], 1).contains("there is no record `aud-none`"));
}

#[tokio::test]
async fn a_record_that_nobody_signed_for_is_not_proved() {
    let place = Place::empty();
    let store = Arc::new(JsonlStore::open(place.file(), JsonlOptions::default()).unwrap());
    ormai::audit::AuditStore::install(&*store).await.unwrap();
    let trail = Trail::open(vec![store], TrailKeys::default(), TrailOptions::default()).await.unwrap();
    let records = records();
    trail.note(&records[0]).await.unwrap();
    trail.end().await.unwrap();
    let ran = ormai(place.path(), &["audit", "prove", &records[0].id]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("is not signed, so it proves nothing to others"), "{}", ran.err);
}

/// Of a trail in files the one at hand is closed first.
#[tokio::test]
async fn old_records_go_and_what_is_left_is_verified() {
    let place = Place::empty();
    let store = Arc::new(JsonlStore::open(place.file(), JsonlOptions::default()).unwrap());
    ormai::audit::AuditStore::install(&*store).await.unwrap();
    let trail = Trail::open(vec![store], keys(), TrailOptions::default()).await.unwrap();
    for record in records() {
        trail.note(&record).await.unwrap();
    }
    trail.end().await.unwrap();

    let count = |tenant: &str| place.json(&["query", "--tenant", tenant], 0)["records"].as_array().unwrap().len();
    let told = place.json(&["prune", "--tenant", "acme-corp", "--older-than", "1d", "--dry-run"], 0);
    assert_eq!((&told["dry_run"], &told["stores"][0]["records"]), (&json!(true), &json!(3)));
    assert_eq!(count("acme-corp"), 3, "looking changes nothing");

    let told = place.json(&["prune", "--tenant", "acme-corp", "--older-than", "1d", "--yes"], 0);
    assert_eq!((&told["dry_run"], &told["stores"][0]["records"]), (&json!(false), &json!(3)));
    assert_eq!((count("acme-corp"), count("globex")), (0, 2));
    let told = place.json(&["verify"], 0);
    assert_eq!(told["stores"][0]["report"]["pruned"], 3);

    let told = place.told(&["prune", "--keep", "1", "--yes"], 0);
    assert!(told.contains("1 records went"), "{told}");
    assert_eq!(count("globex"), 1);
    place.run(&["verify"], 0);
}
