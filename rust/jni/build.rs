//! Gives `NATIVES_ID` to the crate: a hash of the natives it exports, with their types, as the crate's own sources say.
//!
//! The JVM binds a native by name alone. `NativeLibrary` computes the same hash from the Java class, so that a library
//! and a jar that differ in one parameter refuse each other instead of reading wrong memory.

use std::fmt::Write as _;
use std::path::Path;

const PREFIX: &str = "Java_org_apache_flink_agents_core_Natives_";

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
    let root = std::env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?;
    let mut natives = Vec::new();
    let files = std::fs::read_dir(Path::new(&root).join("src")).map_err(|error| error.to_string())?;
    for file in files {
        let path = file.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            exported(&text, &mut natives).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    natives.sort_unstable();
    if natives.len() < 20 {
        return Err(format!(
            "only {} natives were found: the sources are written in a way that build.rs does not read",
            natives.len()
        ));
    }
    println!("cargo:rustc-env=NATIVES_ID={:016x}", fnv1a(&natives.join("\n")));
    Ok(())
}

/// Adds `name(types)result` of every exported function, in Java's spelling.
fn exported(text: &str, natives: &mut Vec<String>) -> Result<(), String> {
    for (at, _) in text.match_indices(&format!("fn {PREFIX}")) {
        let rest = &text[at + 3 + PREFIX.len()..];
        let (name, rest) = rest.split_once('(').ok_or("a native without parameters")?;
        let (parameters, rest) = rest.split_once(')').ok_or("a native without an end")?;
        let result = match rest.trim_start().strip_prefix("->") {
            Some(result) => {
                let result = result.trim_start();
                let end = result
                    .find([' ', '=', ';', '{', '\n'])
                    .ok_or("a native without a body")?;
                &result[..end]
            }
            None => "()",
        };
        let mut types: Vec<&str> = Vec::new();
        for parameter in parameters.split(',') {
            if let Some((_, kind)) = parameter.split_once(':') {
                types.push(kind.trim());
            }
        }
        // What stands before says how the function is made: the macros add the environment, the class and the handle.
        let before = &text[..at];
        let opened = ["hot! {", "handled! {", "plain! {", "extern \"system\" "];
        let opened = opened.iter().max_by_key(|opening| before.rfind(**opening));
        match opened {
            Some(&"plain! {") => {}
            Some(&"extern \"system\" ") => drop(types.drain(..types.len().min(2))),
            _ => types.insert(0, "jlong"),
        }
        let mut line = format!("{name}(");
        for (index, kind) in types.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(line, "{comma}{}", java(kind)?).map_err(|error| error.to_string())?;
        }
        natives.push(format!("{line}){}", java(result)?));
    }
    Ok(())
}

fn java(kind: &str) -> Result<&'static str, String> {
    Ok(match kind {
        "()" => "void",
        "jint" => "int",
        "jlong" => "long",
        "jbyteArray" => "byte[]",
        "jintArray" => "int[]",
        "jstring" => "String",
        "jobject" => "ByteBuffer",
        "jrunnable" => "Runnable",
        "jexecutor" => "Executor",
        "jthread" => "Thread",
        other => return Err(format!("build.rs does not know what {other} is in Java")),
    })
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
