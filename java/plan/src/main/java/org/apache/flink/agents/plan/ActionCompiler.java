package org.apache.flink.agents.plan;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.Identity;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.JavaFunctionUtils;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.plan.actions.BuiltInAction;

/**
 * Collects the actions of an agent: the built-in ones, then annotated methods in the order of the
 * source (superclass first), then those added by {@code addAction}.
 */
final class ActionCompiler {
    private static final List<String> PARAMETERS =
            List.of(Event.class.getName(), RunnerContext.class.getName());

    private final Agent agent;
    private final String agentName;
    private final Map<String, PlanAction> actions = new LinkedHashMap<>();
    /** Where the name of each user action comes from, for messages. */
    private final Map<String, String> origins = new LinkedHashMap<>();

    ActionCompiler(Agent agent, String agentName) {
        this.agent = agent;
        this.agentName = agentName;
    }

    List<PlanAction> compile() {
        for (final BuiltInAction builtIn : BuiltInAction.values()) {
            final String name = builtIn.getActionName();
            actions.put(
                    name,
                    new PlanAction(
                            name, builtIn.getFunction(), builtIn.getTriggerConditions(), null, null));
        }
        annotatedMethods()
                .forEach(
                        (name, method) ->
                                add(name, functionOf(method), triggersOf(method), null,
                                        "method " + AgentClass.describe(method),
                                        method.getAnnotation(Identity.class)));
        agent.getActions()
                .forEach(
                        (name, entry) -> {
                            final String owner = "Action '" + name + "' of agent " + agentName;
                            final Method method = checkLoadable(entry.f1, owner);
                            add(name, entry.f1, Arrays.asList(entry.f0), entry.f2, "addAction",
                                    method == null ? null : method.getAnnotation(Identity.class));
                        });
        return new ArrayList<>(actions.values());
    }

    private void add(
            String name,
            Function function,
            List<String> triggers,
            @Nullable Map<String, Object> config,
            String origin,
            @Nullable Identity identity) {
        final String owner = "Action '" + name + "' of agent " + agentName;
        for (final BuiltInAction builtIn : BuiltInAction.values()) {
            if (builtIn.getActionName().equals(name)) {
                throw new IllegalArgumentException(
                        owner
                                + " ("
                                + origin
                                + ") has the name of a built-in action. Rename it; to take the place of"
                                + " the built-in one, send events of a type of your own instead of "
                                + builtIn.getTriggerConditions()
                                + ".");
            }
        }
        final String other = origins.putIfAbsent(name, origin);
        if (other != null) {
            throw new IllegalArgumentException(
                    owner
                            + " is declared twice, by "
                            + other
                            + " and by "
                            + origin
                            + ". The name of an action is unique in its agent; rename one of them.");
        }
        for (final String trigger : triggers) {
            if (trigger == null || trigger.isBlank()) {
                throw new IllegalArgumentException(
                        owner
                                + " ("
                                + origin
                                + ") has a blank entry among what it listens to: "
                                + triggers
                                + ". Give an event type or a condition, or remove the entry.");
            }
        }
        actions.put(
                name,
                new PlanAction(name, function, triggers, ActionConfig.encode(config, owner), identity));
    }

    /** Returns the annotated methods by name; one redeclared in a subclass takes the place of its. */
    private Map<String, Method> annotatedMethods() {
        final Map<String, Method> result = new LinkedHashMap<>();
        for (final Method method : new AgentClass(agent.getClass()).methods()) {
            final Method known = result.get(method.getName());
            final boolean sameClass =
                    known != null && known.getDeclaringClass() == method.getDeclaringClass();
            if (!method.isAnnotationPresent(Action.class)) {
                if (known != null && !sameClass && hides(method, known)) {
                    throw new IllegalArgumentException(
                            "Method "
                                    + AgentClass.describe(method)
                                    + " of agent "
                                    + agentName
                                    + " hides the action of its superclass "
                                    + known.getDeclaringClass().getName()
                                    + " but is none itself. Annotate it with @Action to replace that"
                                    + " action, or rename it.");
                }
                continue;
            }
            if (sameClass) {
                throw new IllegalArgumentException(
                        "Agent "
                                + agentName
                                + " has two action methods "
                                + AgentClass.describe(known)
                                + " and "
                                + AgentClass.describe(method)
                                + ". The name of an action is that of its method; rename one of them.");
            }
            result.put(method.getName(), method);
        }
        return result;
    }

    private static boolean hides(Method method, Method other) {
        return Arrays.equals(method.getParameterTypes(), other.getParameterTypes());
    }

    private List<String> triggersOf(Method method) {
        final Action action = method.getAnnotation(Action.class);
        final boolean hasValue = action.value().length > 0;
        final boolean hasTypes = action.listenEventTypes().length > 0;
        if (hasValue == hasTypes) {
            throw new IllegalArgumentException(
                    "@Action on "
                            + AgentClass.describe(method)
                            + " of agent "
                            + agentName
                            + (hasValue
                                    ? " has both value and listenEventTypes; they mean the same, put"
                                            + " all entries into value: @Action({...})."
                                    : " says nothing about what it listens to; give at least one event"
                                            + " type or condition: @Action(EventType.InputEvent)."));
        }
        return Arrays.asList(hasValue ? action.value() : action.listenEventTypes());
    }

    private Function functionOf(Method method) {
        final org.apache.flink.agents.api.annotation.PythonFunction target =
                method.getAnnotation(Action.class).target();
        final boolean hasModule = !target.module().isBlank();
        final boolean hasName = !target.qualname().isBlank();
        if (hasModule != hasName) {
            throw new IllegalStateException(
                    "@Action on "
                            + AgentClass.describe(method)
                            + " of agent "
                            + agentName
                            + " names a Python function by "
                            + (hasModule ? "module" : "qualname")
                            + " only; give both module and qualname, or neither.");
        }
        if (hasModule) {
            // The body is a placeholder that never runs, so its form does not matter.
            return new PythonFunction(target.module(), target.qualname());
        }
        checkForm(method, "Action method " + AgentClass.describe(method) + " of agent " + agentName);
        return JavaFunction.fromMethod(method);
    }

    private static void checkForm(Method method, String owner) {
        final int modifiers = method.getModifiers();
        if (!Modifier.isPublic(modifiers) || !Modifier.isStatic(modifiers)) {
            throw new IllegalArgumentException(
                    owner
                            + " must be public and static; it is "
                            + (Modifier.isPublic(modifiers) ? "not static." : "not public."));
        }
        final Class<?>[] types = method.getParameterTypes();
        if (types.length != 2 || types[0] != Event.class || types[1] != RunnerContext.class) {
            throw new IllegalArgumentException(
                    owner
                            + " must take exactly (org.apache.flink.agents.api.Event,"
                            + " org.apache.flink.agents.api.context.RunnerContext). Take Event and turn"
                            + " it into its own class inside, such as InputEvent.fromEvent(event).");
        }
    }

    /** Finds a wrong method here and not when the job already runs; null for a function of Python. */
    @Nullable
    private static Method checkLoadable(Function function, String owner) {
        if (!(function instanceof JavaFunction)) {
            return null;
        }
        final JavaFunction java = (JavaFunction) function;
        if (!java.getParameterTypes().equals(PARAMETERS)) {
            throw new IllegalArgumentException(
                    owner
                            + " is "
                            + java
                            + ", but the parameters of an action are exactly "
                            + PARAMETERS
                            + ".");
        }
        try {
            final Method method = JavaFunctionUtils.resolveMethod(java);
            checkForm(method, owner + ", " + java + ",");
            return method;
        } catch (ClassNotFoundException e) {
            throw new IllegalArgumentException(
                    owner
                            + " needs class "
                            + e.getMessage()
                            + ", which is not found by "
                            + Thread.currentThread().getContextClassLoader()
                            + ". Add the jar that contains it to the class path; inner classes are"
                            + " written Outer$Inner.",
                    e);
        } catch (NoSuchMethodException e) {
            throw new IllegalArgumentException(
                    owner
                            + ": class "
                            + java.getQualName()
                            + " has no method "
                            + java.getMethodName()
                            + "(Event, RunnerContext).",
                    e);
        }
    }
}
