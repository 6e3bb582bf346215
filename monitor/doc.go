// Package monitor knows what is well and what is not. It keeps the checks of
// Healthchecks' kind: a job pings its check when it has run, and the check goes
// down when a ping is late.
//
// What it keeps true for others:
//
//   - A ping whose call has answered survives a crash, with what followed from it.
//   - A state and the [Flip] that tells of its change are written in one
//     transaction. A flip stays until it has been told, so that a restart loses
//     none and tells none twice.
//   - What becomes of a check depends on its events and their times alone, not on
//     when anybody looked: a check that was overdue when a ping came went down
//     first, at the time when it did.
//   - A check that is well costs nothing while no ping comes: no timer, no
//     goroutine, no look.
//
// The rules are pure functions that take the time; each decision is made durable
// with one call of [Store].
//
// Source: section 8 of the semantics, after the source of Healthchecks.
package monitor
