// Package logs keeps what functions print, and what clients put into log groups
// of their own, in the shape of Amazon CloudWatch Logs: events of streams of
// groups.
//
// What it keeps true:
//
//   - Whoever prints never waits: [Service.Record] puts a line into memory, of a
//     bounded size, and a batch at a time goes to the store. What does not fit is
//     counted, and a note in the stream says how much is missing.
//   - Whoever reads sees all that was recorded before.
//   - Logs do not fill the disk: each group and all groups together have a limit,
//     beyond which the oldest events go, and every event goes when its time is up.
//   - A reader that is slow holds nobody up: what waits for it is a position, not
//     a queue.
//
// Lines of functions survive the end of the process, but those of the last
// seconds perhaps not a power cut; an event of [Service.Put] that was answered
// does.
package logs
