//! Arrow IPC: files (`.arrow`, Feather version 2) and streams, both as lists of messages by position.
//!
//! Every length is checked against the file, and every compressed buffer's stated size against what
//! its compression can make of its bytes, before the library sees it: it allocates by what it is told.

use super::bytes::FileBytes;
use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, CompressionType, MessageHeader, MetadataVersion, RecordBatch as BatchHeader};
use arrow_schema::SchemaRef;
use std::sync::Arc;

/// What files begin and end with.
const MAGIC: &[u8] = b"ARROW1";

/// An open Arrow file or stream.
#[derive(Clone, Debug)]
pub(super) struct IpcFile {
    pub(super) bytes: FileBytes,
    pub(super) schema: SchemaRef,
    version: MetadataVersion,
    /// Dictionaries, and how many batches stand before each.
    dictionaries: Vec<(Block, usize)>,
    batches: Vec<Block>,
    rows: Vec<u64>,
}

impl IpcFile {
    pub(super) fn open(path: &str) -> Result<Self, String> {
        let bytes = FileBytes::open(path).map_err(|e| e.to_string())?;
        let head = bytes.range(0, bytes.size().min(8) as usize).map_err(|e| e.to_string())?;
        let file = if head.starts_with(MAGIC) { Self::file(bytes)? } else { Self::stream(bytes)? };
        file.with_rows()
    }

    /// The rows of each batch.
    pub(super) fn part_rows(&self) -> Vec<u64> {
        self.rows.clone()
    }

    /// A file, by the footer.
    fn file(bytes: FileBytes) -> Result<Self, String> {
        let cut_off = "it is no Arrow file, or it was cut off: it does not end in `ARROW1`";
        let tail_at = bytes.size().checked_sub(10).filter(|at| *at >= 8).ok_or(cut_off)?;
        let tail = bytes.range(tail_at, 10).map_err(|e| e.to_string())?;
        if !tail.ends_with(MAGIC) {
            return Err(cut_off.to_owned());
        }
        let length = length_at(&tail, 0).and_then(|n| u64::try_from(n).ok());
        let start = length.and_then(|n| tail_at.checked_sub(n)).ok_or("its footer is malformed")?;
        let footer = bytes.range(start, (tail_at - start) as usize).map_err(|e| e.to_string())?;
        let footer =
            arrow_ipc::root_as_footer(&footer).map_err(|e| format!("its footer is malformed: {e}"))?;
        let schema = footer.schema().ok_or("its footer has no schema")?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err("its bytes are in the order of another kind of machine".to_owned());
        }
        let schema = Arc::new(arrow_ipc::convert::fb_to_schema(schema));
        let batches = footer.recordBatches().map(|b| b.iter().copied().collect()).unwrap_or_default();
        let dictionaries = footer.dictionaries().into_iter().flatten().map(|b| (*b, 0)).collect();
        Ok(IpcFile { bytes, schema, version: footer.version(), dictionaries, batches, rows: Vec::new() })
    }

    /// A stream, message by message.
    fn stream(bytes: FileBytes) -> Result<Self, String> {
        let mut at = 0;
        let mut found: Option<IpcFile> = None;
        while at < bytes.size() {
            let Some((meta, meta_length)) = message_at(&bytes, at)? else { break };
            let message = arrow_ipc::root_as_message(&meta).map_err(|e| malformed(at, &e.to_string()))?;
            let body = u64::try_from(message.bodyLength()).map_err(|_| malformed(at, "a negative length"))?;
            let next = at.checked_add(meta_length).and_then(|n| n.checked_add(body));
            let next = next.filter(|n| *n <= bytes.size()).ok_or_else(|| malformed(at, "it is cut off"))?;
            let block = Block::new(at as i64, meta_length as i32, body as i64);
            match (message.header_type(), &mut found) {
                (MessageHeader::Schema, None) => {
                    let schema = message.header_as_schema().ok_or_else(|| malformed(at, "no schema"))?;
                    if !schema.endianness().equals_to_target_endianness() {
                        return Err("its bytes are in the order of another kind of machine".to_owned());
                    }
                    found = Some(IpcFile {
                        bytes: bytes.clone(),
                        schema: Arc::new(arrow_ipc::convert::fb_to_schema(schema)),
                        version: message.version(),
                        dictionaries: Vec::new(),
                        batches: Vec::new(),
                        rows: Vec::new(),
                    });
                }
                (MessageHeader::DictionaryBatch, Some(f)) => f.dictionaries.push((block, f.batches.len())),
                (MessageHeader::RecordBatch, Some(f)) => f.batches.push(block),
                _ => return Err(malformed(at, "a message that does not belong there")),
            }
            at = next;
        }
        found.ok_or_else(|| "it is no Arrow file: it has no schema".to_owned())
    }

    fn with_rows(mut self) -> Result<Self, String> {
        for block in &self.batches {
            let at = u64::try_from(block.offset()).map_err(|_| "its footer is malformed")?;
            let (meta, _) =
                message_at(&self.bytes, at)?.ok_or_else(|| malformed(at, "a message is missing"))?;
            let message = arrow_ipc::root_as_message(&meta).map_err(|e| malformed(at, &e.to_string()))?;
            let batch = message.header_as_record_batch().ok_or_else(|| malformed(at, "it is no batch"))?;
            // Columns of nulls take no bytes, so the size of the file does not bound the number of rows.
            let rows = u32::try_from(batch.length()).map_err(|_| malformed(at, "its number of rows"))?;
            self.rows.push(u64::from(rows));
        }
        Ok(self)
    }

    /// Reads batch `part`, only the columns that begin one of the paths.
    pub(super) fn scan(&self, part: usize, paths: &[&[String]]) -> Result<(RecordBatch, FileBytes), String> {
        let bytes = self.bytes.counting();
        let fields = self.schema.fields().iter().enumerate();
        let wanted = fields.filter(|(_, f)| paths.iter().any(|p| p.first() == Some(f.name())));
        let projection = wanted.map(|(i, _)| i).collect();
        let mut decoder = FileDecoder::new(self.schema.clone(), self.version).with_projection(projection);
        for (block, _) in self.dictionaries.iter().filter(|(_, before)| *before <= part) {
            let buffer = block_bytes(&bytes, block)?;
            decoder.read_dictionary(block, &buffer).map_err(|e| e.to_string())?;
        }
        let block = self.batches.get(part).ok_or("a batch is missing")?;
        let buffer = block_bytes(&bytes, block)?;
        let batch = decoder.read_record_batch(block, &buffer).map_err(|e| e.to_string())?;
        let batch = batch.ok_or("a batch is missing")?;
        if batch.num_rows() as u64 != self.rows.get(part).copied().unwrap_or(0) {
            return Err("a batch has another number of rows than it states".to_owned());
        }
        Ok((batch, bytes))
    }
}

fn malformed(at: u64, why: &str) -> String {
    format!("its message at byte {at} is malformed: {why}")
}

fn length_at(bytes: &[u8], at: usize) -> Option<i32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(i32::from_le_bytes(bytes.try_into().ok()?))
}

/// The metadata of the message at `at` and its length with the prefix; `None` at the end of a stream.
fn message_at(bytes: &FileBytes, at: u64) -> Result<Option<(Vec<u8>, u64)>, String> {
    let left = bytes.size().saturating_sub(at).min(8) as usize;
    let head = bytes.range(at, left).map_err(|e| malformed(at, &e.to_string()))?;
    let continued = head.starts_with(&[0xff; 4]);
    let prefix = if continued { 8 } else { 4 };
    let length = length_at(&head, prefix - 4).ok_or_else(|| malformed(at, "it is cut off"))?;
    if length == 0 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| malformed(at, "a negative length"))?;
    let meta = bytes.range(at + prefix as u64, length).map_err(|e| malformed(at, &e.to_string()))?;
    Ok(Some((meta, (prefix + length) as u64)))
}

/// Metadata and body of a message, with lengths that can be true.
fn block_bytes(bytes: &FileBytes, block: &Block) -> Result<Buffer, String> {
    let at = u64::try_from(block.offset()).map_err(|_| "its footer is malformed")?;
    let bad = || malformed(at, "its length is not possible");
    let meta = usize::try_from(block.metaDataLength()).map_err(|_| bad())?;
    let body = usize::try_from(block.bodyLength()).map_err(|_| bad())?;
    let total = meta.checked_add(body).filter(|n| *n as u64 <= bytes.size() && meta >= 8).ok_or_else(bad)?;
    let mut buffer = MutableBuffer::from_len_zeroed(total);
    bytes.read_into(at, &mut buffer).map_err(|e| malformed(at, &e.to_string()))?;
    let buffer: Buffer = buffer.into();
    let prefix = if buffer.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message =
        arrow_ipc::root_as_message(&buffer[prefix..meta]).map_err(|e| malformed(at, &e.to_string()))?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|d| d.data()),
        _ => None,
    };
    let batch = batch.ok_or_else(|| malformed(at, "it is no batch"))?;
    check_buffers(&batch, &buffer[meta..]).map_err(|why| malformed(at, why))?;
    Ok(buffer)
}

/// Whether every buffer lies in the body, and no compressed one states more than it can hold.
fn check_buffers(batch: &BatchHeader<'_>, body: &[u8]) -> Result<(), &'static str> {
    let times = match batch.compression().map(|c| c.codec()) {
        None => None,
        // The most that a byte of either format can stand for.
        Some(CompressionType::LZ4_FRAME) => Some(256),
        Some(_) => Some(32_768),
    };
    for buffer in batch.buffers().into_iter().flatten() {
        let (at, length) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
        let (Ok(at), Ok(length)) = (at, length) else { return Err("a buffer has a negative place") };
        let bytes = at.checked_add(length).and_then(|end| body.get(at..end)).ok_or("a buffer is cut off")?;
        if let (Some(times), Some(stated)) = (times, bytes.get(..8)) {
            let stated = i64::from_le_bytes(stated.try_into().unwrap_or_default());
            if stated > (bytes.len() as i64).saturating_mul(times) {
                return Err("a buffer states a size that its bytes cannot have");
            }
        }
    }
    Ok(())
}
