//! Catalogs as JSON: what mapped classes describe, and what is told of a database.

use ormai::catalog::{
    Catalog, CatalogBuilder, Collation, Field, ForeignKeyBuilder, Model, ModelBuilder, ModelKind, ReferentialAction,
    RelationBuilder, RelationKind, TableName,
};
use ormai::error::{Error, ErrorCode};
use ormai::value::ColumnType;
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// Reads a catalog.
///
/// # Errors
///
/// `POLICY_INVALID` with the place of what is wrong.
pub(crate) fn read(text: &str) -> Result<Catalog, Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let described: Described = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = wrong(format!("the catalog is not in its form: {}", error.inner()));
        if path == "." { error } else { error.detail("path", path) }
    })?;
    for model in &described.models {
        if let Some(key) = model.foreign_keys.iter().find(|key| key.fields.len() != key.target_fields.len()) {
            return Err(wrong(format!(
                "the catalog does not fit together: a foreign key of `{}` to `{}` has not as many fields as there",
                model.name, key.target
            )));
        }
    }
    let builder = described.models.into_iter().fold(CatalogBuilder::new(), |all, model| all.model(model.into()));
    builder.build().map_err(|error| wrong(format!("the catalog does not fit together: {error}")))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorCode::PolicyInvalid, message)
}

/// A catalog to be written down, as [`read`] reads it.
pub(crate) fn describe(catalog: &Catalog) -> impl Serialize + use<> {
    Described { models: catalog.models().map(|(_, model)| DescribedModel::of(catalog, model)).collect() }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    models: Vec<DescribedModel>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedModel {
    name: String,
    table: String,
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    kind: DescribedKind,
    fields: Vec<DescribedField>,
    #[serde(default)]
    primary_key: Vec<String>,
    #[serde(default)]
    unique_keys: Vec<Vec<String>>,
    #[serde(default)]
    indexes: Vec<Vec<String>>,
    #[serde(default)]
    relations: Vec<DescribedRelation>,
    #[serde(default)]
    foreign_keys: Vec<DescribedForeignKey>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DescribedKind {
    #[default]
    Table,
    Untransacted,
    View,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedField {
    name: String,
    /// The field's name where it is not said.
    #[serde(default)]
    column: Option<String>,
    #[serde(rename = "type")]
    ty: DescribedType,
    #[serde(default)]
    nullable: bool,
    #[serde(default)]
    has_default: bool,
    #[serde(default)]
    generated: bool,
    #[serde(default)]
    length: Option<u32>,
    #[serde(default)]
    collation: DescribedCollation,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedRelation {
    name: String,
    target: String,
    kind: DescribedRelationKind,
    link: Vec<(String, String)>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DescribedRelationKind {
    One,
    Many,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedForeignKey {
    fields: Vec<String>,
    target: String,
    target_fields: Vec<String>,
    #[serde(default)]
    on_delete: DescribedAction,
    #[serde(default)]
    on_update: DescribedAction,
}

struct DescribedType(ColumnType);

#[derive(Default)]
struct DescribedCollation(Option<Collation>);

#[derive(Default)]
struct DescribedAction(ReferentialAction);

/// The types of one word.
const WORDS: [(&str, ColumnType); 16] = [
    ("bool", ColumnType::Bool),
    ("int16", ColumnType::Int16),
    ("int32", ColumnType::Int32),
    ("int", ColumnType::Int),
    ("float", ColumnType::Float),
    ("decimal", ColumnType::Decimal),
    ("text", ColumnType::Text),
    ("char", ColumnType::Char),
    ("bytes", ColumnType::Bytes),
    ("uuid", ColumnType::Uuid),
    ("timestamp", ColumnType::Timestamp),
    ("datetime", ColumnType::DateTime),
    ("date", ColumnType::Date),
    ("time", ColumnType::Time),
    ("interval", ColumnType::Interval),
    ("json", ColumnType::Json),
];

/// Deeper than any database nests its arrays.
const DEEPEST: usize = 8;

fn type_of(json: &Json, depth: usize) -> Result<ColumnType, String> {
    let known = || {
        let words = WORDS.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        format!("a type is one of {words}, {{\"enum\": [words]}}, {{\"array\": type}} and {{\"unsupported\": name}}")
    };
    match json {
        Json::String(word) => {
            let found = WORDS.iter().find(|(known, _)| known == word);
            found.map(|(_, ty)| ty.clone()).ok_or_else(|| format!("unknown type `{word}`: {}", known()))
        }
        Json::Object(entries) => {
            let name = entries.get("name").map(|name| name.as_str().ok_or("the name of an enum is a text"));
            let name = name.transpose()?.unwrap_or_default();
            let others = entries.keys().filter(|key| *key != "name").count();
            match (entries.get("enum"), entries.get("array"), entries.get("unsupported")) {
                (Some(Json::Array(words)), None, None) if others == 1 => {
                    let words = words.iter().map(|word| word.as_str().ok_or("the words of an enum are texts"));
                    Ok(ColumnType::enumeration(name, words.collect::<Result<Vec<_>, _>>()?))
                }
                (None, Some(of), None) if entries.len() == 1 && depth < DEEPEST => {
                    type_of(of, depth + 1).map(ColumnType::array)
                }
                (None, None, Some(Json::String(name))) if entries.len() == 1 => {
                    Ok(ColumnType::Unsupported(name.clone()))
                }
                _ => Err(known()),
            }
        }
        _ => Err(known()),
    }
}

fn type_json(ty: &ColumnType) -> Json {
    match ty {
        ColumnType::Enum(of) => json!({"enum": of.variants, "name": of.name}),
        ColumnType::Array(of) => json!({"array": type_json(of)}),
        ColumnType::Unsupported(name) => json!({"unsupported": name}),
        ty => {
            let word = WORDS.iter().find(|(_, known)| known == ty).map(|(word, _)| *word);
            word.map_or_else(|| json!({"unsupported": ty.to_string()}), Json::from)
        }
    }
}

impl<'de> Deserialize<'de> for DescribedType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type_of(&Json::deserialize(deserializer)?, 0).map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for DescribedType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        type_json(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DescribedCollation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(word) = Option::<String>::deserialize(deserializer)? else { return Ok(Self(None)) };
        let collation = match word.as_str() {
            "binary" => Collation::Binary,
            "ordered" => Collation::Ordered,
            "loose" => Collation::Loose,
            other => match other.strip_prefix("folded:") {
                Some(name) if !name.is_empty() => Collation::Folded(name.into()),
                _ => {
                    return Err(de::Error::custom(format!(
                        "unknown collation `{word}`: one of null, `binary`, `ordered`, `loose` and `folded:<name>`"
                    )));
                }
            },
        };
        Ok(Self(Some(collation)))
    }
}

impl Serialize for DescribedCollation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            None | Some(Collation::Binary) => serializer.serialize_none(),
            Some(Collation::Ordered) => serializer.serialize_str("ordered"),
            Some(Collation::Loose) => serializer.serialize_str("loose"),
            Some(Collation::Folded(name)) => serializer.serialize_str(&format!("folded:{name}")),
        }
    }
}

impl<'de> Deserialize<'de> for DescribedAction {
    /// In words or as SQL writes it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(word) = Option::<String>::deserialize(deserializer)? else { return Ok(Self::default()) };
        let action = match word.to_ascii_lowercase().replace(' ', "_").as_str() {
            "refuse" | "no_action" | "restrict" => ReferentialAction::Refuse,
            "cascade" => ReferentialAction::Cascade,
            "set_null" => ReferentialAction::SetNull,
            "set_default" => ReferentialAction::SetDefault,
            _ => {
                return Err(de::Error::custom(format!(
                    "unknown action `{word}`: one of null, `refuse`, `cascade`, `set_null` and `set_default`"
                )));
            }
        };
        Ok(Self(action))
    }
}

impl Serialize for DescribedAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self.0 {
            ReferentialAction::Refuse => "refuse",
            ReferentialAction::Cascade => "cascade",
            ReferentialAction::SetNull => "set_null",
            ReferentialAction::SetDefault => "set_default",
        })
    }
}

impl From<DescribedModel> for ModelBuilder {
    fn from(model: DescribedModel) -> Self {
        let mut built = Self::table(model.name, "");
        built.table = TableName { schema: model.schema, name: model.table };
        built.kind = match model.kind {
            DescribedKind::Table => ModelKind::Table,
            DescribedKind::Untransacted => ModelKind::Untransacted,
            DescribedKind::View => ModelKind::View,
        };
        built.fields = model.fields.into_iter().map(Into::into).collect();
        built.primary_key = model.primary_key;
        built.unique_keys = model.unique_keys;
        built.indexes = model.indexes;
        built.relations = model.relations.into_iter().map(Into::into).collect();
        built.foreign_keys = model.foreign_keys.into_iter().map(Into::into).collect();
        built
    }
}

impl From<DescribedField> for Field {
    fn from(field: DescribedField) -> Self {
        Self {
            column: field.column.unwrap_or_else(|| field.name.clone()),
            name: field.name,
            ty: field.ty.0,
            collation: field.collation.0.unwrap_or(Collation::Binary),
            length: field.length,
            nullable: field.nullable,
            has_default: field.has_default,
            generated: field.generated,
        }
    }
}

impl From<DescribedRelation> for RelationBuilder {
    fn from(relation: DescribedRelation) -> Self {
        let kind = match relation.kind {
            DescribedRelationKind::One => RelationKind::One,
            DescribedRelationKind::Many => RelationKind::Many,
        };
        Self { name: relation.name, target: relation.target, kind, link: relation.link }
    }
}

impl From<DescribedForeignKey> for ForeignKeyBuilder {
    fn from(key: DescribedForeignKey) -> Self {
        let columns = key.fields.iter().map(String::as_str).zip(key.target_fields.iter().map(String::as_str));
        Self::new(key.target, columns).on_delete(key.on_delete.0).on_update(key.on_update.0)
    }
}

impl DescribedModel {
    fn of(catalog: &Catalog, model: &Model) -> Self {
        let named = |fields: &[ormai::catalog::FieldId]| {
            fields.iter().map(|field| model.field(*field).name.clone()).collect::<Vec<_>>()
        };
        Self {
            name: model.name.clone(),
            table: model.table.name.clone(),
            schema: model.table.schema.clone(),
            kind: match model.kind {
                ModelKind::Table => DescribedKind::Table,
                ModelKind::Untransacted => DescribedKind::Untransacted,
                ModelKind::View => DescribedKind::View,
            },
            fields: model.fields.iter().map(DescribedField::of).collect(),
            primary_key: named(&model.primary_key),
            unique_keys: model.unique_keys.iter().map(|key| named(key)).collect(),
            indexes: model.indexes.iter().map(|index| named(index)).collect(),
            relations: model
                .relations
                .iter()
                .map(|relation| {
                    let there = catalog.model(relation.target);
                    DescribedRelation {
                        name: relation.name.clone(),
                        target: there.name.clone(),
                        kind: match relation.kind {
                            RelationKind::One => DescribedRelationKind::One,
                            RelationKind::Many => DescribedRelationKind::Many,
                        },
                        link: pairs(&relation.link, model, there),
                    }
                })
                .collect(),
            foreign_keys: model
                .foreign_keys
                .iter()
                .map(|key| {
                    let there = catalog.model(key.target);
                    let (fields, target_fields) = pairs(&key.columns, model, there).into_iter().unzip();
                    DescribedForeignKey {
                        fields,
                        target: there.name.clone(),
                        target_fields,
                        on_delete: DescribedAction(key.on_delete),
                        on_update: DescribedAction(key.on_update),
                    }
                })
                .collect(),
        }
    }
}

impl DescribedField {
    fn of(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            column: Some(field.column.clone()),
            ty: DescribedType(field.ty.clone()),
            nullable: field.nullable,
            has_default: field.has_default,
            generated: field.generated,
            length: field.length,
            collation: DescribedCollation(Some(field.collation.clone())),
        }
    }
}

fn pairs(
    link: &[(ormai::catalog::FieldId, ormai::catalog::FieldId)],
    here: &Model,
    there: &Model,
) -> Vec<(String, String)> {
    link.iter().map(|(from, to)| (here.field(*from).name.clone(), there.field(*to).name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_one_word_is_read_as_it_is_written() {
        for (word, ty) in WORDS {
            assert_eq!(type_json(&ty), Json::from(word));
            assert_eq!(type_of(&Json::from(word), 0), Ok(ty));
        }
    }

    #[test]
    fn arrays_of_arrays_come_to_an_end() {
        let nested = (0..=DEEPEST).fold(json!("int"), |of, _| json!({"array": of}));
        assert!(type_of(&nested, 0).is_err());
    }
}
