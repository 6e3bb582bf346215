// Package auth knows who may call Belfry, and what they may do.
//
// What it keeps true: a secret is in the store only encrypted, and never in a
// log or an error; temporary credentials need no store at all, they carry what
// is known of them, sealed; a role can do what its policies allow and nothing
// in another account; an explicit Deny wins; what a policy says and this
// package does not understand denies, with a reason that names it. The
// evaluation is a pure function, and what it needs is remembered in bounded
// memory and forgotten on change.
package auth
