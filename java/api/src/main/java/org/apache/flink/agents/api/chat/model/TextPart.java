package org.apache.flink.agents.api.chat.model;

import javax.annotation.Nullable;

/** A part of a model's answer that is on its way. An addition to the reference's API. Immutable. */
public final class TextPart {
    /** What a part is. */
    public enum Kind {
        /** More of the answer. */
        TEXT,
        /** More of what the model thinks. */
        REASONING,
        /** The attempt failed and another begins: what came so far does not count. */
        AGAIN
    }

    private final Kind kind;
    private final String text;
    @Nullable private final String model;
    @Nullable private final Object key;

    /** Makes one. */
    public TextPart(Kind kind, String text, @Nullable String model, @Nullable Object key) {
        this.kind = kind;
        this.text = text;
        this.model = model;
        this.key = key;
    }

    public Kind getKind() {
        return kind;
    }

    /** Returns the part itself; empty where another attempt begins. */
    public String getText() {
        return text;
    }

    /** Returns the name of the chat model; null where no agent asks. */
    @Nullable
    public String getModel() {
        return model;
    }

    /** Returns the key of the input that it is asked for; null where no agent asks. */
    @Nullable
    public Object getKey() {
        return key;
    }

    @Override
    public String toString() {
        return kind + " " + text;
    }
}
