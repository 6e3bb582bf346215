// Package deploy brings a folder with a function's code, and the schedules that
// stand beside it in belfry.json, onto a server.
//
// What it keeps true: the same files make the same zip, byte for byte, on every
// machine. What can be judged without the server is judged before anything is
// changed. Nothing is changed that is as it should be already, and what neither
// the file nor a flag names is left as it is. When the server refuses a part, the
// error says what is there by then and what is not.
package deploy
