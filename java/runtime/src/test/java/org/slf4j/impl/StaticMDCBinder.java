package org.slf4j.impl;

import org.slf4j.helpers.BasicMDCAdapter;
import org.slf4j.spi.MDCAdapter;

/** Gives the tests a log context, though nothing here logs: SLF4J 1.7 asks a class of this name for it. */
public final class StaticMDCBinder {
    private static final StaticMDCBinder SINGLETON = new StaticMDCBinder();

    private StaticMDCBinder() {}

    /** Called by SLF4J. */
    public static StaticMDCBinder getSingleton() {
        return SINGLETON;
    }

    /** Called by SLF4J. */
    public MDCAdapter getMDCA() {
        return new BasicMDCAdapter();
    }
}
