package org.apache.flink.agents.core;

/**
 * The functions of the native library. Not for users: {@link
 * org.apache.flink.agents.core.loader.NativeLibrary#load()} must have returned before any is called; calling one
 * earlier throws {@link UnsatisfiedLinkError}.
 */
public final class Natives {

    private Natives() {}

    /** The version of the build that the library comes from, such as {@code 0.1.0}. */
    public static native String version();
}
