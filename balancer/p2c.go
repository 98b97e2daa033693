package balancer

// p2c draws two members by weight and picks the one with the fewer requests in flight for its weight ("power of two choices"). It needs no
// order among all of them and still keeps away from the busy.
type p2c struct{ *random }

// Pick compares two different members, unless the draws keep giving the same one.
func (p *p2c) Pick(_ Key, tried *Set) *Backend {
	a := p.draw(tried)
	if a < 0 {
		return nil
	}
	b := a
	for n := 0; b == a && n < draws; n++ {
		b = p.draw(tried)
	}
	if p.members[b].load().less(p.members[a].load()) {
		a = b
	}
	return p.members[a].backend
}
