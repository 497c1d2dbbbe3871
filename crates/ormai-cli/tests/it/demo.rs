//! `ormai demo`

use std::path::Path;

use crate::command::{ormai, settled};

#[test]
fn the_demonstration_tells_the_guides_story() {
    let here = Path::new(".");
    let ran = ormai(here, &["demo"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(settled(&ran.out, Path::new("/nowhere")));
}

#[test]
fn the_demonstration_is_also_json() {
    let ran = ormai(Path::new("."), &["demo", "--json"]);
    let scenes: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let answered = |scene: &serde_json::Value| scene["result"]["success"].as_bool().unwrap();
    let scenes = scenes.as_array().unwrap();
    assert_eq!(scenes.iter().filter(|scene| answered(scene)).count(), 12);
    assert_eq!(scenes.iter().filter(|scene| !answered(scene)).count(), 9);
}
