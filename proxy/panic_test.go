package proxy

import (
	"errors"
	"testing"

	"usher/balancer"
)

// panicky is a plane with a defect.
type panicky struct{ answered int }

func (p *panicky) Forward(*Exchange, balancer.Lease) error { panic("defect") }
func (p *panicky) Answer(x *Exchange)                      { p.answered = x.Response.Status }
func (p *panicky) Await(f func())                          { f() }
