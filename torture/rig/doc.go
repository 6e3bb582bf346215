// Package rig is what a program outside a Belfry server needs to treat it badly:
// it builds the server, with a wall clock that can be stepped, starts it, kills
// it, stops it for a while, speaks its APIs and reads its metrics.
package rig
