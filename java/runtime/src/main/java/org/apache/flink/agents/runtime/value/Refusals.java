package org.apache.flink.agents.runtime.value;

import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.util.Iterator;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.stream.BaseStream;

/** Classes that no serializer can bring back, although Kryo would write some of them without complaint. */
public final class Refusals {

    private static final String LIVE =
            "it stands for something of the running process (a thread, a connection, an open file, a lock), which cannot"
                    + " come back after a restart. Store what is needed to make it again, or keep it in a resource of the"
                    + " agent.";

    private static final Class<?>[] LIVE_CLASSES = {
        AutoCloseable.class,
        BaseStream.class,
        ClassLoader.class,
        Condition.class,
        Executor.class,
        Future.class,
        Iterator.class,
        Lock.class,
        MethodHandle.class,
        Process.class,
        Reference.class,
        Thread.class,
        ThreadGroup.class,
        ThreadLocal.class,
    };

    private Refusals() {}

    /** Why values of this class are refused, or null if a serializer may be tried. */
    public static String reason(final Class<?> type) {
        // Lambdas and the like: their classes are made at run time, and no other JVM has them.
        if (type.isSynthetic() || type.getName().indexOf('/') >= 0 || type.getName().contains("$$Lambda")) {
            return "it is a lambda or another class made at run time, which does not exist after a restart. Store the data"
                    + " it works on instead.";
        }
        if (type == Object.class) {
            return "a bare java.lang.Object has no value that could come back.";
        }
        for (final Class<?> live : LIVE_CLASSES) {
            if (live.isAssignableFrom(type)) {
                return LIVE;
            }
        }
        return null;
    }
}
