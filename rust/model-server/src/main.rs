//! The scripted model server as a program.

use std::io::Write;
use std::process::ExitCode;

use flink_agents_model_server::{ModelServer, Script};

const USAGE: &str = "Usage: flink-agents-model-server [--port N] [--script FILE or JSON] [--tls FILE] [--pipes true]\n\n\
    Speaks the protocols of OpenAI, Anthropic, Gemini and Ollama on 127.0.0.1 and answers by the script, a JSON\n\
    document, its tool server (MCP) at /mcp; with --pipes only the tool server, on its standard input and output.\n\
    With --tls it speaks TLS, and HTTP/2 with those who can, and writes the certificate that makes clients trust it to FILE.\n\
    Prints its address as its first line, and runs until its standard input ends or it is stopped.\n";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut port, mut script, mut pipes, mut tls) = (0, Script::default(), false, None);
    while let Some(name) = arguments.next() {
        if name == "--help" {
            return write!(std::io::stdout(), "{USAGE}").map_err(|e| e.to_string());
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("'{name}' has no value.\n{USAGE}"))?;
        match name.as_str() {
            "--port" => port = value.parse().map_err(|_| format!("'{value}' is no port."))?,
            "--tls" => tls = Some(value),
            "--pipes" => pipes = value == "true",
            "--script" => {
                let text = if value.starts_with('{') {
                    value
                } else {
                    std::fs::read_to_string(&value).map_err(|e| format!("{value} cannot be read: {e}."))?
                };
                script = serde_json::from_str(&text).map_err(|e| format!("this is no script: {e}."))?;
            }
            _ => return Err(format!("'{name}' is unknown.\n{USAGE}")),
        }
    }
    if pipes {
        return script
            .mcp
            .serve(std::io::stdin().lock(), std::io::stdout())
            .map_err(|e| e.to_string());
    }
    let server = match tls {
        None => ModelServer::start_on(port, script),
        Some(_) => ModelServer::start_secure(port, script),
    }
    .map_err(|e| e.to_string())?;
    if let Some((file, certificate)) = tls.zip(server.certificate()) {
        std::fs::write(&file, certificate).map_err(|e| format!("{file} cannot be written: {e}."))?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.url())
        .and_then(|()| out.flush())
        .map_err(|e| e.to_string())?;
    // So it does not outlive the test that started it, however that ends.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(|e| e.to_string())?;
    Ok(())
}
