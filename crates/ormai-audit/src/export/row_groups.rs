//! Parquet: columns in row groups.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type as Schema, TypePtr};

use super::Rows;
use super::columns::{COLUMNS, Cell, Column, Type};
use crate::record::Entry;

/// The most rows of a row group.
pub const ROW_GROUP_ROWS: usize = 16_384;

/// The most bytes of text that a row group waits for.
pub const ROW_GROUP_BYTES: usize = 16 << 20;

pub(super) struct RowGroups<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Values>,
    rows: usize,
    bytes: usize,
}

/// The values of a column that wait for their row group.
struct Values {
    of: Of,
    /// For each row whether there is a value: 1 or 0. Empty where there always is.
    levels: Vec<i16>,
    may_be_missing: bool,
}

enum Of {
    Text(Vec<ByteArray>),
    Int(Vec<i64>),
    Flag(Vec<bool>),
    Number(Vec<f64>),
}

impl<W: Write + Send> RowGroups<W> {
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("ormai ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, schema().map_err(failed)?, Arc::new(properties)).map_err(failed)?;
        Ok(Self { file, columns: COLUMNS.iter().map(Values::new).collect(), rows: 0, bytes: 0 })
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for values in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            let levels = values.may_be_missing.then_some(values.levels.as_slice());
            match &mut values.of {
                Of::Text(texts) => {
                    writer.typed::<ByteArrayType>().write_batch(texts, levels, None)?;
                    texts.clear();
                }
                Of::Int(ints) => {
                    writer.typed::<Int64Type>().write_batch(ints, levels, None)?;
                    ints.clear();
                }
                Of::Flag(flags) => {
                    writer.typed::<BoolType>().write_batch(flags, levels, None)?;
                    flags.clear();
                }
                Of::Number(numbers) => {
                    writer.typed::<DoubleType>().write_batch(numbers, levels, None)?;
                    numbers.clear();
                }
            }
            values.levels.clear();
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> Rows for RowGroups<W> {
    fn row(&mut self, entry: &Entry) -> io::Result<()> {
        for (column, values) in COLUMNS.iter().zip(&mut self.columns) {
            self.bytes += values.push((column.cell)(entry));
        }
        self.rows += 1;
        if self.rows >= ROW_GROUP_ROWS || self.bytes >= ROW_GROUP_BYTES { self.flush().map_err(failed) } else { Ok(()) }
    }

    fn end(mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.flush().map_err(failed)?;
        }
        self.file.finish().map_err(failed)?;
        self.file.inner_mut().flush()
    }
}

impl Values {
    fn new(column: &Column) -> Self {
        let of = match column.of {
            Type::Text => Of::Text(Vec::new()),
            Type::Time | Type::Count => Of::Int(Vec::new()),
            Type::Flag => Of::Flag(Vec::new()),
            Type::Number => Of::Number(Vec::new()),
        };
        Self { of, levels: Vec::new(), may_be_missing: column.may_be_missing }
    }

    /// Adds a value; how many bytes of text it has.
    fn push(&mut self, cell: Cell<'_>) -> usize {
        let (mut is_there, mut bytes) = (true, 0);
        match (&mut self.of, cell) {
            (Of::Text(texts), Cell::Text(text)) => {
                bytes = text.len();
                texts.push(ByteArray::from(text.into_owned().into_bytes()));
            }
            (Of::Int(ints), Cell::Time(time)) => ints.push(time.as_microsecond()),
            // Nobody counts to 2^63.
            (Of::Int(ints), Cell::Count(count)) => ints.push(i64::try_from(count).unwrap_or(i64::MAX)),
            (Of::Flag(flags), Cell::Flag(flag)) => flags.push(flag),
            (Of::Number(numbers), Cell::Number(number)) => numbers.push(number),
            _ => is_there = false,
        }
        if self.may_be_missing {
            self.levels.push(i16::from(is_there));
        }
        bytes
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let column = |column: &Column| {
        let (physical, logical) = match column.of {
            Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Type::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
            Type::Flag => (Physical::BOOLEAN, None),
            Type::Count => (Physical::INT64, None),
            Type::Number => (Physical::DOUBLE, None),
        };
        let repetition = if column.may_be_missing { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        Schema::primitive_type_builder(column.name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    };
    let fields = COLUMNS.iter().map(column).collect::<Result<_, _>>()?;
    Schema::group_type_builder("ormai_audit").with_fields(fields).build().map(Arc::new)
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        // What the writer below said keeps its words.
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
