package org.apache.flink.agents.core.loader;

import java.util.Locale;

/** The operating system and processor this JVM runs on, as the jar names them. */
final class Platform {

    final String os;
    final String arch;

    Platform(final String osName, final String osArch) {
        final String lowerOs = osName.toLowerCase(Locale.ROOT);
        final String lowerArch = osArch.toLowerCase(Locale.ROOT);
        if (lowerOs.startsWith("linux")) {
            os = "linux";
        } else if (lowerOs.startsWith("mac") || lowerOs.startsWith("darwin")) {
            os = "macos";
        } else {
            os = lowerOs.replaceAll("[^a-z0-9]+", "");
        }
        switch (lowerArch) {
            case "amd64":
            case "x86-64":
            case "x64":
                arch = "x86_64";
                break;
            case "arm64":
                arch = "aarch64";
                break;
            default:
                arch = lowerArch;
        }
    }

    static Platform current() {
        return new Platform(System.getProperty("os.name", "?"), System.getProperty("os.arch", "?"));
    }

    /** File name of the library. */
    String fileName() {
        return os.equals("macos") ? "libflink_agents.dylib" : "libflink_agents.so";
    }

    /** Where the jar has the library, without a leading slash. */
    String resource() {
        return "native/" + this + "/" + fileName();
    }

    /** {@code linux-x86_64}, {@code macos-aarch64}, … */
    @Override
    public String toString() {
        return os + "-" + arch;
    }
}
