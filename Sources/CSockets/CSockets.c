#define _GNU_SOURCE
#include "CSockets.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int gateway_accept(int listener, void *address, unsigned int *size) {
    return accept4(listener, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int gateway_epoll(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

static int add(int epoll, int descriptor, unsigned int events) {
    struct epoll_event event = {.events = events, .data = {.fd = descriptor}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static int change(int epoll, int descriptor, unsigned int events) {
    struct epoll_event event = {.events = events, .data = {.fd = descriptor}};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event);
}

int gateway_epoll_add_listener(int epoll, int descriptor) {
    return add(epoll, descriptor, EPOLLIN | EPOLLEXCLUSIVE);
}

int gateway_epoll_add_readable(int epoll, int descriptor) {
    return add(epoll, descriptor, EPOLLIN | EPOLLRDHUP);
}

int gateway_epoll_add_departure(int epoll, int descriptor) {
    return add(epoll, descriptor, EPOLLRDHUP | EPOLLET);
}

int gateway_epoll_await_readable(int epoll, int descriptor) {
    return change(epoll, descriptor, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT);
}

int gateway_epoll_await_departure(int epoll, int descriptor) {
    return change(epoll, descriptor, EPOLLRDHUP | EPOLLET);
}

void gateway_epoll_remove(int epoll, int descriptor) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
}

int gateway_epoll_take(int epoll, int *descriptors, int most) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, most < 256 ? most : 256, 0);
    for (int i = 0; i < count; i++) descriptors[i] = events[i].data.fd;
    return count;
}

int gateway_readable_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -1;
}

long gateway_drop_received(int descriptor) {
    return recv(descriptor, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
}
