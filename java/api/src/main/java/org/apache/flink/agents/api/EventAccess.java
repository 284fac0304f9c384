package org.apache.flink.agents.api;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/**
 * INTERNAL: how the runtime reaches into events without allocating. Not for users; it may change
 * with any release.
 *
 * <p>Nothing here is synchronised: call it from the thread that owns the event.
 */
public final class EventAccess {
    // Looking constructors up for every restored event would dominate a recovery. ClassValue keeps
    // the result with the class, so it goes when the user's class loader goes.
    private static final ClassValue<Rebuilder> REBUILDERS =
            new ClassValue<Rebuilder>() {
                @Override
                protected Rebuilder computeValue(Class<?> eventClass) {
                    return Rebuilder.of(eventClass);
                }
            };

    private EventAccess() {}

    /** Returns a new random id, as events get them; unique, not secret. */
    public static UUID newId() {
        final long[] state = EventIds.state();
        return new UUID(EventIds.nextHi(state), EventIds.nextLo(state));
    }

    /** Returns the most significant 64 bits of the event's id. */
    public static long idHi(Event event) {
        return event.idHi();
    }

    /** Returns the least significant 64 bits of the event's id. */
    public static long idLo(Event event) {
        return event.idLo();
    }

    /** Makes {@code upstream} and the action that handled it the origin of {@code event}. */
    public static void setLineage(Event event, Event upstream, String actionName) {
        event.setLineage(upstream, actionName);
    }

    /** Tells whether the event knows the event it stems from. */
    public static boolean hasUpstream(Event event) {
        return event.hasUpstream();
    }

    /** Returns the most significant 64 bits of the upstream event's id, 0 if there is none. */
    public static long upstreamHi(Event event) {
        return event.upstreamHi();
    }

    /** Returns the least significant 64 bits of the upstream event's id, 0 if there is none. */
    public static long upstreamLo(Event event) {
        return event.upstreamLo();
    }

    /** Returns the source timestamp in epoch milliseconds, or {@code other} if there is none. */
    public static long sourceTimestampOr(Event event, long other) {
        return event.sourceTimestampOr(other);
    }

    /**
     * Returns the value of an {@link InputEvent} or {@link OutputEvent} without building its
     * attribute map.
     *
     * @throws IllegalArgumentException for events of any other class
     */
    @Nullable
    public static Object singleValue(Event event) {
        if (event instanceof SingleValueEvent) {
            return ((SingleValueEvent) event).value();
        }
        throw new IllegalArgumentException(
                "Only InputEvent and OutputEvent have a single value, not "
                        + event.getClass().getName()
                        + ".");
    }

    /** Tells whether the event has a single value and has not built its attribute map. */
    public static boolean isLazy(Event event) {
        return event.isLazy();
    }

    /**
     * Returns names and values of an event's attributes in turns, to be read only; null if the event keeps them in
     * its map ({@link Event#getAttributes()}) or as a single value ({@link #isLazy}).
     */
    @Nullable
    public static Object[] pairs(Event event) {
        return event.pairs();
    }

    /**
     * Rebuilds an event of a given class from its parts.
     *
     * @param eventClass {@link Event}, a built-in event class, or a user's subclass with a
     *     constructor {@code (UUID, Map)} or {@code (UUID, String, Map)} of any visibility
     * @param idHi most significant 64 bits of the id
     * @param idLo least significant 64 bits of the id
     * @param type the event type; a subclass with a constructor {@code (UUID, Map)} sets its own
     * @param attrs the attributes, copied
     * @param hasUp whether the event knows the event it stems from
     * @param upHi most significant 64 bits of that event's id
     * @param upLo least significant 64 bits of that event's id
     * @param upAction name of the action that sent the event, or null
     * @param hasTs whether the event has a source timestamp
     * @param ts the source timestamp in epoch milliseconds
     * @throws IllegalArgumentException if the class has no such constructor, if it fails, or if it
     *     does not keep id and type
     */
    public static Event restore(
            Class<?> eventClass,
            long idHi,
            long idLo,
            String type,
            Map<String, Object> attrs,
            boolean hasUp,
            long upHi,
            long upLo,
            @Nullable String upAction,
            boolean hasTs,
            long ts) {
        final UUID id = new UUID(idHi, idLo);
        final Event event;
        if (eventClass == Event.class) {
            event = new Event(id, type, attrs);
        } else {
            event = REBUILDERS.get(eventClass).rebuild(id, type, attrs);
            if (event.idHi() != idHi || event.idLo() != idLo || !event.getType().equals(type)) {
                throw new IllegalArgumentException(
                        "Event class "
                                + eventClass.getName()
                                + " cannot be restored: its constructor made id "
                                + event.getId()
                                + " and type '"
                                + event.getType()
                                + "' of id "
                                + id
                                + " and type '"
                                + type
                                + "'. Pass the given id on to super(id, type, attributes), and give a"
                                + " class used for several types a constructor (UUID, String, Map).");
            }
        }
        if (hasUp) {
            event.setUpstream(upHi, upLo);
        }
        if (upAction != null) {
            event.setUpstreamActionName(upAction);
        }
        if (hasTs) {
            event.setSourceTimestamp(ts);
        }
        return event;
    }

    /**
     * Checks that {@link #restore} could rebuild events of a class.
     *
     * @throws IllegalArgumentException saying what constructor is missing and how to add it
     */
    public static void checkRestorable(Class<?> eventClass) {
        if (eventClass != Event.class) {
            REBUILDERS.get(eventClass).check();
        }
    }

    /** How to make events of one class; a class that cannot be made keeps the reason. */
    private static final class Rebuilder {
        private final Constructor<?> constructor;
        private final boolean takesType;
        private final String problem;

        private Rebuilder(Constructor<?> constructor, boolean takesType, String problem) {
            this.constructor = constructor;
            this.takesType = takesType;
            this.problem = problem;
        }

        static Rebuilder of(Class<?> eventClass) {
            final String name = eventClass.getName();
            if (!Event.class.isAssignableFrom(eventClass)) {
                return failing("Class " + name + " is not a subclass of " + Event.class.getName() + ".");
            }
            if (Modifier.isAbstract(eventClass.getModifiers())) {
                return failing("Event class " + name + " is abstract and cannot be restored.");
            }
            try {
                return accessible(eventClass.getDeclaredConstructor(UUID.class, Map.class), false);
            } catch (NoSuchMethodException e) {
                // The other form is looked for next.
            }
            try {
                return accessible(
                        eventClass.getDeclaredConstructor(UUID.class, String.class, Map.class), true);
            } catch (NoSuchMethodException e) {
                final boolean inner =
                        eventClass.getEnclosingClass() != null
                                && !Modifier.isStatic(eventClass.getModifiers());
                return failing(
                        "Event class "
                                + name
                                + " cannot be restored, because it has neither a constructor (UUID id,"
                                + " Map<String, Object> attributes) nor one (UUID id, String type,"
                                + " Map<String, Object> attributes). Add for example '"
                                + eventClass.getSimpleName()
                                + "(UUID id, Map<String, Object> attributes) { super(id, <its type>,"
                                + " attributes); }'; it may be private."
                                + (inner ? " Make the class static or top-level, too." : ""));
            }
        }

        private static Rebuilder failing(String problem) {
            return new Rebuilder(null, false, problem);
        }

        private static Rebuilder accessible(Constructor<?> constructor, boolean takesType) {
            try {
                constructor.setAccessible(true);
            } catch (RuntimeException e) {
                return failing(
                        "Event class "
                                + constructor.getDeclaringClass().getName()
                                + " cannot be restored, because its module does not let its constructor "
                                + constructor
                                + " be called ("
                                + e.getMessage()
                                + "). Make class and constructor public, or open the package.");
            }
            return new Rebuilder(constructor, takesType, null);
        }

        void check() {
            if (problem != null) {
                throw new IllegalArgumentException(problem);
            }
        }

        Event rebuild(UUID id, String type, Map<String, Object> attrs) {
            check();
            try {
                final Object event =
                        takesType
                                ? constructor.newInstance(id, type, attrs)
                                : constructor.newInstance(id, attrs);
                return (Event) event;
            } catch (InvocationTargetException e) {
                throw failed(id, e.getCause());
            } catch (ReflectiveOperationException e) {
                throw failed(id, e);
            }
        }

        private IllegalArgumentException failed(UUID id, Throwable cause) {
            return new IllegalArgumentException(
                    "Event "
                            + id
                            + " of class "
                            + constructor.getDeclaringClass().getName()
                            + " cannot be restored: its constructor "
                            + constructor
                            + " failed: "
                            + cause,
                    cause);
        }
    }
}
