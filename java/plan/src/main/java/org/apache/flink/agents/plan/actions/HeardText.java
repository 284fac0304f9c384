package org.apache.flink.agents.plan.actions;

import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.model.TextPart;

/** INTERNAL: a context of actions where somebody may listen to what models say. */
public interface HeardText {
    /** Returns who hears what a chat model says in this action; null if nobody does. */
    @Nullable
    Consumer<TextPart> listenerTo(String model);
}
