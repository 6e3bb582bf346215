// Package engine decides what runs, when, and what follows.
//
// What it keeps true:
//
//   - an occurrence is started at most once: the run is recorded and the
//     schedule moved on in one durable step, before anything is delivered;
//   - every occurrence of a schedule, from its creation to its end, is a run
//     with one outcome or lies in one gap;
//   - what is in memory changes only after the store has said yes, so a crash
//     at any point loses nothing;
//   - a created or edited schedule starts no run for a time before its own
//     revision, save the past one-time (architecture.md, "past one-time").
//
// The package knows no wire format, no transport and no SQL. Decisions are
// pure functions of the time (timing.go, plan.go, decide.go); the rest carries
// them out.
package engine
