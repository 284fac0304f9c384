//! Spans as protobuf: `ExportTraceServiceRequest` of OTLP 1.x. The field numbers are those of opentelemetry-proto.

use super::spans::{Attribute, Failed, Span};
use flink_agents_core::event_log::Place;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const ERROR: u64 = 2;

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn tag(field: u32, kind: u32, out: &mut Vec<u8>) {
    varint(u64::from(field << 3 | kind), out);
}

fn bytes(field: u32, content: &[u8], out: &mut Vec<u8>) {
    tag(field, BYTES, out);
    varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

fn fixed64(field: u32, number: u64, out: &mut Vec<u8>) {
    tag(field, FIXED64, out);
    out.extend_from_slice(&number.to_le_bytes());
}

fn number(field: u32, number: u64, out: &mut Vec<u8>) {
    tag(field, VARINT, out);
    varint(number, out);
}

/// A message inside another.
fn nested(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut content = Vec::new();
    write(&mut content);
    bytes(field, &content, out);
}

fn attribute(field: u32, name: &str, value: &Attribute, out: &mut Vec<u8>) {
    nested(field, out, |pair| {
        bytes(1, name.as_bytes(), pair);
        nested(2, pair, |any| match value {
            Attribute::Text(text) => bytes(1, text.as_bytes(), any),
            Attribute::Bool(flag) => number(2, u64::from(*flag), any),
            Attribute::Int(value) => number(3, *value as u64, any),
        });
    });
}

/// Resource and scope, which are the same in all requests of a subtask.
pub(super) fn head(place: &Place, agent: &str) -> Vec<u8> {
    let mut out = Vec::new();
    nested(1, &mut out, |resource| {
        let text = |text: &str| Attribute::Text(text.into());
        for (name, value) in [
            ("service.name", text(agent)),
            ("telemetry.sdk.name", text("flink-agents-rs")),
            ("telemetry.sdk.version", text(env!("CARGO_PKG_VERSION"))),
            ("flink.job.id", text(&place.job)),
            ("flink.task.name", text(&place.task)),
            ("flink.subtask.index", Attribute::Int(i64::from(place.subtask))),
        ] {
            attribute(1, name, &value, resource);
        }
    });
    out
}

/// A request with these spans.
pub(super) fn request(head: &[u8], spans: &[Span]) -> Vec<u8> {
    let mut out = Vec::new();
    nested(1, &mut out, |resource_spans| {
        resource_spans.extend_from_slice(head);
        nested(2, resource_spans, |scope_spans| {
            nested(1, scope_spans, |scope| {
                bytes(1, b"flink-agents", scope);
                bytes(2, env!("CARGO_PKG_VERSION").as_bytes(), scope);
            });
            for one in spans {
                nested(2, scope_spans, |out| span(one, out));
            }
        });
    });
    out
}

fn span(span: &Span, out: &mut Vec<u8>) {
    bytes(1, &span.trace.to_be_bytes(), out);
    bytes(2, &span.id.to_be_bytes(), out);
    if let Some(parent) = span.parent {
        bytes(4, &parent.to_be_bytes(), out);
    }
    bytes(5, span.name.as_bytes(), out);
    number(6, span.kind as u64, out);
    fixed64(7, span.start, out);
    fixed64(8, span.end, out);
    for (name, value) in &span.attributes {
        attribute(9, name, value, out);
    }
    if let Some(Failed { error_type, message }) = &span.failed {
        nested(11, out, |event| {
            fixed64(1, span.end, event);
            bytes(2, b"exception", event);
            attribute(3, "exception.type", &Attribute::Text(error_type.as_str().into()), event);
            attribute(3, "exception.message", &Attribute::Text(message.as_str().into()), event);
        });
        nested(15, out, |status| {
            bytes(2, message.as_bytes(), status);
            number(3, ERROR, status);
        });
    }
}
