package app

import "github.com/belfry-run/belfry/egress"

// dial is how the server connects to where its clients want it to. With --dev
// there are no strangers to guard against.
func (s *Server) dial() egress.DialFunc {
	if s.c.Dev {
		return egress.Anywhere
	}
	return egress.NewGuard(s.c.EgressAllow).DialContext
}
