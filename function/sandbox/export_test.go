package sandbox

// Stocked waits until the stock of a kind is full, and returns the processes in it.
func (s *Sandbox) Stocked(network bool) (pids []int) {
	k := s.stock(network)
	k.filling.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.ready {
		pids = append(pids, p.PID)
	}
	return pids
}

// Watch has the sandbox take the folder for the one that roots are made from.
func (s *Sandbox) Watch(dir string) { s.host = hostFolders{dir} }
