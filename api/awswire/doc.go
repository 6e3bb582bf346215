// Package awswire speaks AWS's protocols: it turns HTTP requests into the
// types of AWS's own service models, and answers and errors back.
//
// # What it keeps true
//
//   - An implementation sees only requests that satisfy the model: required
//     members are there, lengths, ranges, patterns and enums hold. The few
//     exceptions are listed in the generator's configuration.
//   - Every request gets an answer in the dialect of the service that it was
//     meant for, with its id in x-amzn-RequestId; never an HTML page, never a
//     redirect, and never a detail of a failure of ours.
//   - Absent and zero differ: a member that the client did not send is nil.
//     null counts as not sent, unknown members are ignored, names are told
//     apart by case, and of equal members the last one wins.
//   - A request cannot make the server use much more memory than its body
//     takes, and the body is limited per operation.
//
// # How it is made
//
// models holds botocore's service models, trimmed by trim.py. The command
// internal/generate makes of each a package: schedulerapi, lambdaapi, sqsapi,
// with types, decoders, checks, encoders, and an interface Service. Its New
// wraps an implementation of that interface as a [Service], and [NewRouter]
// serves several of them on one port. Who calls, from which region, under
// which request id, is in the context: [CallerFrom], [RequestIDFrom],
// [EndpointFrom]. A Router must not stand behind an http.ServeMux, which
// answers some paths with redirects; [Router.Match] tells its requests from
// those of other handlers.
//
// An implementation returns a *belfry.Error; the service's dialect.go has the
// one table that turns its Kind into a code and a status. Error.Code, when it
// is set, is the service's own code and decides instead. Any other error is a
// failure of ours: it is logged under the request's id, and the client reads a
// neutral sentence.
//
// # How a service is added
//
//  1. Name it and its operations in models/trim.py and run that.
//  2. Add a config to internal/generate/config.go: the package's name, and
//     what the model does not say. The generator stops with the reason when
//     the model has something that it does not know, such as a pattern that
//     RE2 cannot express.
//  3. Write dialect.go in the new package: the table of kinds, the wording of
//     a body beyond the limit, and which unsigned paths are the service's.
//  4. Run go generate ./api/awswire. A test holds the result against the
//     models.
package awswire
