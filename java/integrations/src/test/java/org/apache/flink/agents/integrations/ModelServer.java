package org.apache.flink.agents.integrations;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;

/** The scripted model server of {@code docs/development/model-server.md}, in a process of its own. */
public final class ModelServer implements AutoCloseable {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final Process process;
    private final String url;

    private ModelServer(final Process process, final String url) {
        this.process = process;
        this.url = url;
    }

    /** Starts a server that answers by a script, JSON in which apostrophes stand for quotes. */
    public static ModelServer start(final String script) throws IOException, InterruptedException {
        final Process process =
                new ProcessBuilder(program().toString(), "--script", script.replace('\'', '"'))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        final String url =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)).readLine();
        if (url == null) {
            throw new IOException("The model server has not started: it ended with status " + process.waitFor());
        }
        return new ModelServer(process, url);
    }

    /** Its program, built if it is not there. */
    static Path program() throws IOException, InterruptedException {
        Path root = Paths.get("").toAbsolutePath();
        while (!Files.isDirectory(root.resolve("rust/model-server"))) {
            root = root.getParent();
        }
        final Path program = root.resolve("target/debug/flink-agents-model-server");
        if (!Files.isExecutable(program)) {
            // The tests of Rust have made it, as a rule.
            final Process cargo =
                    new ProcessBuilder("cargo", "build", "--quiet", "--locked", "-p", "flink-agents-model-server")
                            .directory(root.toFile())
                            .inheritIO()
                            .start();
            if (cargo.waitFor() != 0) {
                throw new IOException("The model server cannot be built");
            }
        }
        return program;
    }

    /** Its address. */
    public String url() {
        return url;
    }

    /** What it was asked so far: path, headers, body. */
    public List<JsonNode> requests() throws IOException, InterruptedException {
        return list("/_requests");
    }

    /** How many chats were in flight at once, at most; all have been answered. */
    public int mostAtOnce() throws IOException, InterruptedException {
        final List<JsonNode> chats = list("/_chats");
        int most = 0;
        for (final JsonNode one : chats) {
            final double at = one.get("asked").doubleValue();
            int open = 0;
            for (final JsonNode other : chats) {
                if (other.get("asked").doubleValue() <= at && at < other.get("answered").doubleValue()) {
                    open++;
                }
            }
            most = Math.max(most, open);
        }
        return most;
    }

    private List<JsonNode> list(final String path) throws IOException, InterruptedException {
        final HttpResponse<String> answer =
                HttpClient.newHttpClient()
                        .send(HttpRequest.newBuilder(URI.create(url + path)).build(), HttpResponse.BodyHandlers.ofString());
        final List<JsonNode> all = new ArrayList<>();
        MAPPER.readTree(answer.body()).forEach(all::add);
        return all;
    }

    /** The bodies of the requests to chat models. */
    public List<JsonNode> chats() throws IOException, InterruptedException {
        final List<JsonNode> chats = new ArrayList<>();
        for (final JsonNode request : requests()) {
            if (request.path("body").has("messages")) {
                chats.add(request.get("body"));
            }
        }
        return chats;
    }

    /** What was said in the requests: roles and texts of their messages, one line for each. */
    public List<String> conversations() throws IOException, InterruptedException {
        final List<String> conversations = new ArrayList<>();
        for (final JsonNode request : requests()) {
            final StringBuilder line = new StringBuilder();
            for (final JsonNode message : request.path("body").path("messages")) {
                line.append(line.length() == 0 ? "" : " | ")
                        .append(message.path("role").asText())
                        .append(": ")
                        .append(message.path("content").asText());
            }
            conversations.add(line.toString());
        }
        return conversations;
    }

    /** Does something once it has been asked so often. */
    public void whenAsked(final int often, final Runnable then) {
        final Thread watch = new Thread(() -> {
            try {
                while (requests().size() < often) {
                    Thread.onSpinWait();
                }
                then.run();
            } catch (final IOException | InterruptedException e) {
                // The server has ended before.
            }
        });
        watch.setDaemon(true);
        watch.start();
    }

    @Override
    public void close() {
        process.destroy();
    }
}
