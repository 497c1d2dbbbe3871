//! Principals: most of them as they should be, some as no application should make them.

use serde_json::{Value as Json, json};

use super::Dice;
use super::values::{tenant, value};
use crate::world::{Kind, Who, World};

pub(super) const ROLES: [&str; 4] = ["support", "finance", "admin", "Admin"];

/// The kind of tenants in a world.
pub(super) fn tenant_kind(world: &World) -> Kind {
    let mut columns = world.models.iter().filter_map(|model| model.column("tenant_id"));
    columns.next().map_or(Kind::Text, |column| column.kind.clone())
}

/// Somebody who might ask something in a world.
pub(super) fn principal_of(dice: &mut Dice, world: &World) -> Who {
    let kind = tenant_kind(world);
    let tenants = |dice: &mut Dice, count: usize| -> Json {
        let count = dice.roll(count);
        (0..=count).map(|_| tenant(dice, &kind).to_json()).collect()
    };
    let mut who = Who {
        tenant: match (&kind, dice.chance(60)) {
            (Kind::Text, true) => json!("acme"),
            (Kind::Int, true) => json!(7),
            (Kind::Int, false) if dice.chance(30) => json!(tenant(dice, &kind).to_string()),
            _ => tenant(dice, &kind).to_json(),
        },
        user: json!(dice.word(&["ann", "Ann", "bob"])),
        ..Who::default()
    };
    who.roles = dice.some(25, &ROLES.map(str::to_owned));
    let words = |dice: &mut Dice| -> Json {
        let count = dice.roll(4);
        let mut words: Vec<Json> = (0..count).map(|_| value(dice, &Kind::Text, false).to_json()).collect();
        words.retain(|word| word.as_str() != Some(""));
        words.into()
    };
    let attributes: [(&str, Json); 11] = [
        ("tenants", tenants(dice, 3)),
        ("tree", tenants(dice, 4)),
        ("partner", tenant(dice, &kind).to_json()),
        ("org", json!(1 + dice.roll(3))),
        ("orgs", json!([1 + dice.roll(3), 2])),
        ("level", json!(dice.roll(8))),
        ("words", words(dice)),
        ("word", value(dice, &Kind::Text, false).to_json()),
        ("trusted", json!(dice.chance(60))),
        ("place", json!({"level": dice.roll(8), "words": words(dice)})),
        ("pattern", json!(dice.word(&["a%", "%", "_", "\\%", "%\\", "", "o_en", "%a%"]))),
    ];
    for (key, json) in attributes {
        match dice.roll(40) {
            // Missing, in three ways; and for a list, empty.
            0..3 => {}
            3 => drop(who.metadata.insert(key.to_owned(), Json::Null)),
            4 => drop(who.metadata.insert(key.to_owned(), json!(""))),
            5 | 6 if json.is_array() => drop(who.metadata.insert(key.to_owned(), json!([]))),
            _ => drop(who.metadata.insert(key.to_owned(), json)),
        }
    }
    if dice.chance(8) {
        break_one(dice, &mut who);
    }
    who
}

/// One attribute as it should not be.
fn break_one(dice: &mut Dice, who: &mut Who) {
    let wrong = [
        json!(null),
        json!(""),
        json!(0),
        json!("7abc"),
        json!(" 7"),
        json!(["acme"]),
        json!([]),
        json!([null]),
        json!(["acme", ""]),
        json!([[1]]),
        json!({"id": "acme"}),
        json!(true),
        json!("true"),
        json!(1.5),
        json!("a\0b"),
        json!(["acme", "globex", "ACME", "b", "c", "d", "e", "f", "g", "h"]),
    ];
    let wrong = dice.pick(&wrong).unwrap_or_default();
    match dice.roll(3) {
        0 => who.tenant = wrong,
        1 => who.user = wrong,
        _ => {
            let keys: Vec<String> = who.metadata.keys().cloned().collect();
            if let Some(key) = dice.pick(&keys) {
                who.metadata.insert(key, wrong);
            }
        }
    }
}
