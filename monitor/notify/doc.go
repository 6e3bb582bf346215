// Package notify carries messages about what is wrong, and what is well again,
// to people and to their tools: e-mail, webhooks, chats, pagers, a broker.
//
// What it keeps true: a message is sent once for each call of [Sender.Send],
// without a retry of its own, and within [Timeout]. An error is an [*Error] that
// says whether another try can help, in words that hold nothing secret: no
// address of a webhook, no token, no password. Connections are made through the
// dialer that the caller gives, which is where the guard against requests into
// the operator's own network sits; redirects are not followed.
//
// A kind of channel is a struct with its configuration as JSON, in a file of its
// own when it is more than a few lines.
package notify
