// Package function runs Lambda-compatible functions in processes of this host.
//
// What it keeps true:
//
//   - A function's code is unpacked completely and checked before the function
//     names it; nothing is ever half deployed.
//   - One process serves one invocation at a time, and is never used again
//     after a time-out, an exit or a failed start. It and its process group end
//     with the host; what a killed server left behind ends at the next start.
//   - What a handler answers, throws, prints or fails to do becomes a [Response]
//     in the shape that Lambda gives it (semantics.md 3.5). An error of
//     [Host.Invoke] means that the handler was not reached, or not to its end.
//   - An event that [Host.InvokeAsync] accepted is in the store, and leaves it
//     only when its tries have ended.
//   - Payloads, logs, instances, waiting callers and pending events are bounded.
//   - What functions are kept from is what [Host.Isolation] says, and
//     [Host.Start] puts into the log; a level below the one that is required is
//     an error of Start.
package function
