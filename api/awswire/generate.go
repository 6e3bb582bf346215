package awswire

//go:generate go run ./internal/generate ./models .
