package jsonwire

// Skip consumes one value of any kind, checking that it is JSON. It does not
// recurse, so depth costs no stack.
func (d *Decoder) Skip() {
	if d.err != nil {
		return
	}
	base := len(d.path)
	var open [MaxDepth]byte // the containers that are open, by their closing byte
	n := 0
	for {
		if !d.skipOpen(&open, &n, base) {
			return
		}
		// One value is behind us; close what it ends.
		for {
			if n == 0 || d.err != nil {
				return
			}
			c := d.peek()
			if c == ',' {
				d.pos++
				if open[n-1] == '}' && !d.skipName() {
					return
				}
				break
			}
			if c != open[n-1] {
				d.syntax()
				return
			}
			d.pos++
			n--
		}
	}
}

// skipOpen consumes a scalar or an empty container, entering as many
// containers as come before it.
func (d *Decoder) skipOpen(open *[MaxDepth]byte, n *int, base int) bool {
	for {
		c := d.peek()
		if c != '{' && c != '[' {
			return d.skipScalar(c)
		}
		if base+*n >= MaxDepth {
			d.fail(tooDeep)
			return false
		}
		d.pos++
		end := c + 2 // '[' and ']', '{' and '}' lie two apart
		if d.peek() == end {
			d.pos++
			return true
		}
		open[*n] = end
		*n++
		if c == '{' && !d.skipName() {
			return false
		}
	}
}

func (d *Decoder) skipScalar(c byte) bool {
	switch {
	case c == '"':
		raw, escaped, ok := d.rawString()
		if ok && escaped {
			d.unescape(raw)
		}
		return ok && d.err == nil
	case c == 't':
		return d.literal("true")
	case c == 'f':
		return d.literal("false")
	case c == 'n':
		return d.literal("null")
	case c == '-' || (c >= '0' && c <= '9'):
		if _, ok := d.scanNumber(); !ok {
			d.syntax()
			return false
		}
		return true
	}
	d.syntax()
	return false
}

func (d *Decoder) skipName() bool {
	if d.peek() != '"' {
		d.syntax()
		return false
	}
	if !d.skipScalar('"') {
		return false
	}
	if d.peek() != ':' {
		d.syntax()
		return false
	}
	d.pos++
	return true
}
