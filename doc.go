// Package belfry is the vocabulary of a run: what travels from a schedule to
// its outcome. It imports nothing of the rest of Belfry, and everything else
// imports it.
//
// # The story of one run
//
// A client writes a [Schedule] through one of the APIs. Its expression says
// when it is due; each such time is an [Occurrence].
//
// When an occurrence is due, the engine records its [Run] and moves the
// schedule on to its next occurrence in one durable step, before anything is
// invoked. The pair of schedule and scheduled time is unique, so no crash,
// restart or second node can start an occurrence twice.
//
// The run is then delivered to its [Target] as an [Invocation]. The target
// reports what happened as a [Result], which becomes an [Attempt] of the run.
// From it the engine decides: done, another attempt after a back-off that is
// stored, or the dead-letter queue.
//
// In the end the run has an [Outcome] with a reason. Stretches in which a
// schedule was due and nothing ran are each one [Gap]. Runs and gaps together
// are the ledger: every occurrence has exactly one outcome.
//
// # Errors
//
// Failures that a client is told about are an [Error] with a [Kind]; each API
// has one table that turns kinds into its own codes.
package belfry
