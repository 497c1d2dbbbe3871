//! A user's catalog as the models of a world.

use std::collections::BTreeSet;

use ormai::catalog::{Catalog, Field, Model, ReferentialAction, RelationKind};
use ormai::value::ColumnType;
use ormai_reference::world::{self, Cell, Column, Kind, Reference, Relation, World};

use super::reads::Place;

/// The models without their rows.
pub(super) fn world(catalog: &Catalog) -> World {
    World { models: catalog.models().map(|(_, model)| self::model(catalog, model)).collect() }
}

/// The models to which others refer by keys that do more than to refuse a delete.
pub(super) fn follows(catalog: &Catalog) -> BTreeSet<String> {
    let keys = catalog.models().flat_map(|(_, model)| &model.foreign_keys);
    let following = keys.filter(|key| key.on_delete != ReferentialAction::Refuse);
    following.map(|key| catalog.model(key.target).name.clone()).collect()
}

/// Columns of JSON documents.
pub(super) fn documents(catalog: &Catalog) -> BTreeSet<Place> {
    let of = |model: &Model| {
        let documents = model.fields.iter().filter(|field| field.ty == ColumnType::Json);
        documents.map(|field| (model.name.clone(), field.name.clone())).collect::<Vec<_>>()
    };
    catalog.models().flat_map(|(_, model)| of(model)).collect()
}

fn model(catalog: &Catalog, model: &Model) -> world::Model {
    let name = |field| model.field(field).name.clone();
    let relation = |relation: &ormai::catalog::Relation| {
        let target = catalog.model(relation.target);
        Relation {
            name: relation.name.clone(),
            target: target.name.clone(),
            many: relation.kind == RelationKind::Many,
            link: relation.link.iter().map(|(here, there)| (name(*here), target.field(*there).name.clone())).collect(),
        }
    };
    let reference = |key: &ormai::catalog::ForeignKey| {
        let target = catalog.model(key.target);
        Reference {
            target: target.name.clone(),
            link: key.columns.iter().map(|(here, there)| (name(*here), target.field(*there).name.clone())).collect(),
            enforced: true,
        }
    };
    world::Model {
        name: model.name.clone(),
        columns: model.fields.iter().map(column).collect(),
        key: model.primary_key.iter().map(|field| name(*field)).collect(),
        relations: model.relations.iter().map(relation).collect(),
        unique: model.unique_keys.iter().map(|key| key.iter().map(|field| name(*field)).collect()).collect(),
        references: model.foreign_keys.iter().map(reference).collect(),
        rows: Vec::new(),
    }
}

fn column(field: &Field) -> Column {
    Column {
        name: field.name.clone(),
        kind: kind(&field.ty),
        nullable: field.nullable,
        wide: false,
        exact: true,
        default: (field.has_default || field.generated).then_some(Cell::Unknown),
        length: field.length.filter(|_| field.ty.is_text()).and_then(|length| usize::try_from(length).ok()),
        computed: field.generated,
    }
}

fn kind(ty: &ColumnType) -> Kind {
    match ty {
        ty if !ty.is_supported() => Kind::Unread,
        ColumnType::Bool => Kind::Bool,
        ColumnType::Int16 => Kind::Int16,
        ColumnType::Int32 => Kind::Int32,
        ColumnType::Int => Kind::Int,
        ColumnType::Float => Kind::Float,
        ColumnType::Decimal => Kind::Decimal,
        // Text is compared by its code points, whatever its collation says.
        ColumnType::Text => Kind::Text,
        ColumnType::Char => Kind::Char,
        ColumnType::Enum(of) => Kind::Enum(of.variants.iter().cloned().collect()),
        ColumnType::Bytes => Kind::Bytes,
        ColumnType::Uuid => Kind::Uuid,
        ColumnType::Date => Kind::Date,
        ColumnType::Time => Kind::Time,
        ColumnType::DateTime => Kind::DateTime,
        ColumnType::Timestamp => Kind::Timestamp,
        _ => Kind::Opaque,
    }
}
