#pragma once

// What Swift cannot call of Linux' sockets: variadic functions, enumerators of another type, and what hides behind
// _GNU_SOURCE. It includes no header of the system, which would take names away from the module Glibc.

// accept4(2): neither blocking nor inherited. `address` is a sockaddr.
int gateway_accept(int listener, void *address, unsigned int *size);

// An epoll descriptor; -1: there is none.
int gateway_epoll(void);
// What can be read, for as long as it can be. 0 if it was added.
int gateway_epoll_add_readable(int epoll, int descriptor);
// A listening socket that several may wait at. 0 if it was added.
int gateway_epoll_add_listener(int epoll, int descriptor);
// That the other end has closed its side, once. 0 if it was added.
int gateway_epoll_add_departure(int epoll, int descriptor);
// Of one that was added: that it can be read, or that the other end has closed its side, once. 0 if it was changed.
int gateway_epoll_await_readable(int epoll, int descriptor);
// The same as when it was added for departures.
int gateway_epoll_await_departure(int epoll, int descriptor);
void gateway_epoll_remove(int epoll, int descriptor);
// The descriptors that have something to tell, at most `most` (256): how many there are.
int gateway_epoll_take(int epoll, int *descriptors, int most);

// How many bytes can be read at once (FIONREAD); -1 if nobody can say.
int gateway_readable_bytes(int descriptor);
// Reads and drops what has come, without copying it (MSG_TRUNC, tcp(7)). As recv(2).
long gateway_drop_received(int descriptor);
