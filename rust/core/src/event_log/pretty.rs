//! Compact JSON text with line breaks and indentation put in; nothing else changes.

/// `compact` has to be valid JSON without white space between its tokens.
pub(super) fn indented(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let mut depth = 0usize;
    let mut in_text = false;
    let mut escaped = false;
    let mut previous = 0;
    for &byte in compact {
        if in_text {
            out.push(byte);
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            previous = byte;
            continue;
        }
        match byte {
            b'{' | b'[' => {
                begin(&mut out, previous, depth);
                out.push(byte);
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(previous, b'{' | b'[') {
                    new_line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => out.push(byte),
            b':' => out.extend_from_slice(b" : "),
            _ => {
                begin(&mut out, previous, depth);
                in_text = byte == b'"';
                out.push(byte);
            }
        }
        previous = byte;
    }
    out
}

/// The first byte of a member or element goes on a line of its own.
fn begin(out: &mut Vec<u8>, previous: u8, depth: usize) {
    if matches!(previous, b'{' | b'[' | b',') {
        new_line(out, depth);
    }
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}
