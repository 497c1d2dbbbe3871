//! Conditions in every form of the language.

use super::Dice;
use super::principals::{ROLES, tenant_kind};
use super::values::{value, value_in};
use crate::world::{Attribute, Cell, Column, Comparison, Condition, Function, Kind, List, Model, Pattern, Term, World};

/// A condition about the rows of a model.
pub fn condition_about(dice: &mut Dice, world: &World, model: &Model, depth: usize) -> Condition {
    if depth == 0 || dice.chance(45) {
        return atom(dice, world, model, depth);
    }
    let parts = |dice: &mut Dice| -> Vec<Condition> {
        let count = 2 + dice.roll(2);
        (0..count).map(|_| condition_about(dice, world, model, depth - 1)).collect()
    };
    match dice.roll(10) {
        0..5 => Condition::Or(parts(dice)),
        5..8 => Condition::And(parts(dice)),
        _ => Condition::Not(Box::new(condition_about(dice, world, model, depth - 1))),
    }
}

/// A condition about the principal alone.
pub(super) fn condition_about_the_principal(dice: &mut Dice) -> Condition {
    let metadata = |key: &str| Attribute::Metadata(key.to_owned());
    let text = |text: &str| Term::Literal(Cell::Text(text.to_owned()));
    match dice.roll(14) {
        0..3 => Condition::In {
            term: text(dice.word(&ROLES)),
            list: List::Principal(Attribute::Roles),
            negated: dice.chance(20),
        },
        3 => Condition::Compare {
            op: dice.pick(&Comparison::ALL).unwrap_or(Comparison::Ge),
            left: Term::Principal(metadata(dice.word(&["level", "place.level"]))),
            right: Term::Literal(value(dice, &Kind::Int, false)),
        },
        4 => Condition::Bare(Term::Principal(metadata("trusted"))),
        5 => {
            let attributes =
                [Attribute::Tenant, Attribute::User, metadata("level"), metadata("tree"), metadata("place.level")];
            let attribute = dice.pick(&attributes).unwrap_or(Attribute::User);
            Condition::IsNull { term: Term::Principal(attribute), negated: dice.chance(40) }
        }
        6 => Condition::Compare {
            op: Comparison::Eq,
            left: Term::Principal(Attribute::User),
            right: text(dice.word(&["ann", "Ann", "bob"])),
        },
        7 => {
            let count = dice.roll(3);
            let users = (0..count).map(|_| Cell::Text(dice.word(&["ann", "Ann", "bob"]).to_owned())).collect();
            let term = Term::Principal(Attribute::User);
            Condition::In { term, list: List::Literals(users), negated: dice.chance(35) }
        }
        8 => Condition::Like {
            term: Term::Principal(metadata("word")),
            pattern: Pattern::Literal(dice.word(&["%", "a%", "_", "%\\%", "\\_%", ""]).to_owned()),
            negated: dice.chance(35),
        },
        9 => Condition::Between {
            term: Term::Principal(metadata("level")),
            low: Term::Literal(Cell::Int(2)),
            high: Term::Literal(value(dice, &Kind::Int, false)),
            negated: dice.chance(35),
        },
        10 => Condition::Compare {
            op: dice.pick(&Comparison::ALL).unwrap_or(Comparison::Ge),
            left: Term::Call(Function::Coalesce, vec![Term::Principal(metadata("level")), Term::Literal(Cell::Int(5))]),
            right: Term::Literal(value(dice, &Kind::Int, false)),
        },
        11 => Condition::Compare {
            op: dice.pick(&Comparison::ALL).unwrap_or(Comparison::Eq),
            left: Term::Principal(Attribute::User),
            right: Term::Call(Function::Lower, vec![Term::Principal(Attribute::User)]),
        },
        _ => {
            let inner = condition_about_the_principal(dice);
            let other = condition_about_the_principal(dice);
            match dice.roll(3) {
                0 => Condition::Not(Box::new(inner)),
                1 => Condition::And(vec![inner, other]),
                _ => Condition::Or(vec![inner, other]),
            }
        }
    }
}

/// A field, of the row at hand or behind relations to one row.
struct Reached<'w> {
    through: Vec<String>,
    model: &'w Model,
    column: &'w Column,
}

impl Reached<'_> {
    fn term(&self) -> Term {
        Term::Field { through: self.through.clone(), field: self.column.name.clone() }
    }
}

fn reach<'w>(
    dice: &mut Dice,
    world: &'w World,
    model: &'w Model,
    fits: impl Fn(&Column) -> bool,
) -> Option<Reached<'w>> {
    let (mut here, mut through) = (model, Vec::new());
    while dice.chance(22) && through.len() < 2 {
        let onward: Vec<_> = here.relations.iter().filter(|relation| !relation.many).collect();
        let Some(relation) = dice.pick(&onward) else { break };
        let Some(target) = world.model(&relation.target) else { break };
        through.push(relation.name.clone());
        here = target;
    }
    let columns: Vec<&Column> = here.columns.iter().filter(|column| fits(column)).collect();
    let column = dice.pick(&columns)?;
    Some(Reached { through, model: here, column })
}

fn atom(dice: &mut Dice, world: &World, model: &Model, depth: usize) -> Condition {
    let found = match dice.roll(20) {
        0 => Some(Condition::Const(dice.chance(60))),
        1 => Some(condition_about_the_principal(dice)),
        2 | 3 => exists(dice, world, model, depth),
        4 | 5 => is_null(dice, world, model),
        6 | 7 => like(dice, world, model),
        8 | 9 => among(dice, world, model),
        10 => between(dice, world, model),
        11 | 12 => called(dice, world, model),
        13 => reach(dice, world, model, |column| column.kind == Kind::Bool).map(|field| Condition::Bare(field.term())),
        _ => None,
    };
    found.unwrap_or_else(|| compared(dice, world, model))
}

fn compared(dice: &mut Dice, world: &World, model: &Model) -> Condition {
    let Some(field) = reach(dice, world, model, |_| true) else { return Condition::Const(true) };
    let op = dice.pick(&Comparison::ALL).unwrap_or(Comparison::Eq);
    let other = opposite(dice, world, model, &field);
    // NULL stands beside IS DISTINCT FROM only.
    let distinct = matches!(op, Comparison::Distinct | Comparison::NotDistinct);
    let other = if distinct && dice.chance(15) { Term::Literal(Cell::Null) } else { other };
    let (left, right) = if dice.chance(75) { (field.term(), other) } else { (other, field.term()) };
    Condition::Compare { op, left, right }
}

/// Something that a field can be compared with.
fn opposite(dice: &mut Dice, world: &World, model: &Model, field: &Reached<'_>) -> Term {
    let kind = &field.column.kind;
    let metadata = |key: &str| Term::Principal(Attribute::Metadata(key.to_owned()));
    if dice.chance(30) {
        let attribute = match (field.column.name.as_str(), kind) {
            ("tenant_id", _) => Some(match dice.roll(3) {
                0 => metadata("partner"),
                _ => Term::Principal(Attribute::Tenant),
            }),
            ("org", _) => Some(metadata("org")),
            ("owner", _) => Some(Term::Principal(Attribute::User)),
            (_, Kind::Int) => Some(metadata(dice.word(&["level", "place.level"]))),
            (_, Kind::Bool) => Some(metadata("trusted")),
            (_, Kind::Text) => Some(metadata("word")),
            (_, Kind::Date | Kind::Timestamp) => Some(Term::Now),
            _ => None,
        };
        if let Some(attribute) = attribute {
            return attribute;
        }
    }
    if dice.chance(20)
        && let Some(other) = reach(dice, world, model, |column| column.kind == *kind)
    {
        return other.term();
    }
    if kind.is_time() && dice.chance(30) {
        return Term::Now;
    }
    Term::Literal(value_in(dice, field.model, field.column))
}

fn literals(dice: &mut Dice, field: &Reached<'_>) -> Vec<Cell> {
    let count = dice.roll(5);
    (0..count).map(|_| value_in(dice, field.model, field.column)).collect()
}

fn among(dice: &mut Dice, world: &World, model: &Model) -> Option<Condition> {
    let field = reach(dice, world, model, |_| true)?;
    let attribute = match (field.column.name.as_str(), &field.column.kind) {
        ("tenant_id", kind) if *kind == tenant_kind(world) => Some(dice.word(&["tenants", "tree"])),
        ("org", _) | (_, Kind::Int) => Some("orgs"),
        (_, Kind::Text) => Some(dice.word(&["words", "place.words"])),
        _ => None,
    };
    let list = match attribute.filter(|_| dice.chance(40)) {
        Some(key) => List::Principal(Attribute::Metadata(key.to_owned())),
        None => List::Literals(literals(dice, &field)),
    };
    Some(Condition::In { term: field.term(), list, negated: dice.chance(35) })
}

fn between(dice: &mut Dice, world: &World, model: &Model) -> Option<Condition> {
    let field = reach(dice, world, model, |_| true)?;
    let bound = |dice: &mut Dice| match field.column.kind.is_time() && dice.chance(40) {
        true => Term::Now,
        false => Term::Literal(value_in(dice, field.model, field.column)),
    };
    let (low, high) = (bound(dice), bound(dice));
    Some(Condition::Between { term: field.term(), low, high, negated: dice.chance(30) })
}

fn is_null(dice: &mut Dice, world: &World, model: &Model) -> Option<Condition> {
    let term = match dice.roll(6) {
        0 => Term::Principal(Attribute::Metadata(dice.word(&["org", "tree", "partner", "level"]).to_owned())),
        1 => Term::Call(Function::Lower, vec![reach(dice, world, model, |column| column.kind == Kind::Text)?.term()]),
        2 => {
            let field = reach(dice, world, model, |_| true)?;
            Term::Call(Function::NullIf, vec![field.term(), Term::Literal(value_in(dice, field.model, field.column))])
        }
        _ => reach(dice, world, model, |column| column.nullable)?.term(),
    };
    Some(Condition::IsNull { term, negated: dice.chance(50) })
}

fn like(dice: &mut Dice, world: &World, model: &Model) -> Option<Condition> {
    let field = reach(dice, world, model, |column| column.kind == Kind::Text)?;
    let term = match dice.roll(5) {
        0 => Term::Call(Function::Lower, vec![field.term()]),
        1 => Term::Call(Function::Upper, vec![field.term()]),
        _ => field.term(),
    };
    let patterns =
        ["%", "a%", "%a", "_", "__", "%\\%", "a\\", "\\_%", "%\u{e4}%", "", "A%", "[a]%", "%*%", "o_en", "%b_"];
    let pattern = match dice.chance(20) {
        true => Pattern::Principal(Attribute::Metadata("pattern".to_owned())),
        false => Pattern::Literal(dice.word(&patterns).to_owned()),
    };
    Some(Condition::Like { term, pattern, negated: dice.chance(35) })
}

fn called(dice: &mut Dice, world: &World, model: &Model) -> Option<Condition> {
    let field = reach(dice, world, model, |_| true)?;
    let literal = |dice: &mut Dice| Term::Literal(value_in(dice, field.model, field.column));
    let is_text = field.column.kind == Kind::Text;
    let term = match dice.roll(if is_text { 6 } else { 3 }) {
        0 => Term::Call(Function::NullIf, vec![field.term(), literal(dice)]),
        1 => {
            let mut arguments = vec![field.term(), opposite(dice, world, model, &field)];
            if dice.chance(30) {
                arguments.push(literal(dice));
            }
            Term::Call(Function::Coalesce, arguments)
        }
        2 => Term::Call(Function::Coalesce, vec![field.term(), literal(dice)]),
        3 => Term::Call(Function::Lower, vec![field.term()]),
        4 => Term::Call(Function::Upper, vec![field.term()]),
        _ => Term::Call(Function::Coalesce, vec![Term::Call(Function::Lower, vec![field.term()]), literal(dice)]),
    };
    let op = dice.pick(&Comparison::ALL).unwrap_or(Comparison::Eq);
    let right = match is_text && dice.chance(30) {
        true => Term::Call(Function::Lower, vec![Term::Principal(Attribute::Metadata("word".to_owned()))]),
        false => literal(dice),
    };
    Some(Condition::Compare { op, left: term, right })
}

fn exists(dice: &mut Dice, world: &World, model: &Model, depth: usize) -> Option<Condition> {
    let relation = dice.pick(&model.relations)?;
    let target = world.model(&relation.target)?;
    let condition = match dice.chance(75) {
        true => Some(Box::new(condition_about(dice, world, target, depth.saturating_sub(1).min(1)))),
        false => None,
    };
    Some(Condition::Exists { relation: relation.name, condition })
}
