// Command generate writes the Go side of AWS's service models: types,
// decoders, checks, encoders and routes.
//
//	generate MODELS OUT
//
// reads MODELS/<service>.json and writes OUT/<package>/*.gen.go. The same
// models give the same bytes.
package main

import (
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: generate MODELS OUT")
	}
	for _, c := range configs {
		if err := generate(c, os.Args[1], os.Args[2]); err != nil {
			log.Fatalf("%s: %v", c.service, err)
		}
	}
}

func generate(c config, models, out string) error {
	m, err := readModel(filepath.Join(models, c.service+".json"))
	if err != nil {
		return err
	}
	g, err := newGenerator(c, m)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		make func(*file)
	}{
		{"types", g.types},
		{"decode", g.decoders},
		{"encode", g.encoders},
		{"check", g.checks},
		{"form", g.forms},
		{"handler", g.handler},
	} {
		w := &file{pkg: c.pkg}
		f.make(w)
		if w.body.Len() == 0 {
			continue
		}
		src, err := format.Source(w.bytes())
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", f.name, err, w.bytes())
		}
		if err := os.WriteFile(filepath.Join(out, c.pkg, f.name+".gen.go"), src, 0o644); err != nil {
			return err
		}
	}
	return nil
}
