<?php

// Runs one scenario against the gateway of the environment and prints what came of it as JSON: Tests/EndToEnd/emitters judges.

declare(strict_types=1);

use SocketIOGateway\Binary;
use SocketIOGateway\Gateway;
use SocketIOGateway\GatewayError;

error_reporting(E_ALL);
set_error_handler(fn ($number, $message, $file, $line) => error_reporting() & $number ? throw new ErrorException($message, 0, $number, $file, $line) : false);
require __DIR__ . '/../Gateway.php';

$gateway = new Gateway(getenv('URL'), key: getenv('KEY'), timeout: (float) getenv('TIMEOUT'), retryFor: (float) getenv('RETRY_FOR'));

function attempt(callable $call): array
{
    try {
        return $call();
    } catch (GatewayError $e) {
        $error = ['status' => $e->status, 'code' => $e->problem, 'outcome' => $e->outcome, 'retryable' => $e->retryable];
        return ['error' => [...$error, 'places' => $e->errors]];
    }
}

function complains(callable $call): bool
{
    try {
        $call();
    } catch (InvalidArgumentException) {
        return true;
    }
    return false;
}

$once = fn () => attempt(fn () => $gateway->to('room')->emit('once', ['id' => 42]));

$scenarios = [
    'once' => $once,
    'twice' => fn () => [$once(), $once()],
    'batch' => function () use ($gateway) {
        $batch = $gateway->batch();
        $batch->to('a')->emit('first', 1);
        $batch->to('b')->emit('second', new Binary("\x00\xff"));
        $batch->emit('');
        return attempt(fn () => $batch->send());
    },
    'valid_batch' => function () use ($gateway) {
        $batch = $gateway->batch();
        $batch->emit('first', 1);
        $batch->emit('second', 2);
        return attempt(fn () => $batch->send());
    },
    'keys' => fn () => array_map(function (string $key) {
        try {
            new Gateway(getenv('URL'), key: $key);
            return null;
        } catch (InvalidArgumentException $e) {
            return $e->getMessage();
        }
    }, json_decode(getenv('KEY'))),
    'fetched' => fn () => attempt(fn () => $gateway->fetchSockets()),
    'emits' => function () use ($gateway) {
        $room = $gateway->to('a'); // may be used again
        $room->to('b')->emit('union', 0.1, ['z' => null, 'a' => 'ä']);
        $room->emit('room');
        $gateway->except('b')->emit('except');
        $gateway->exceptSockets('sid')->emit('sockets');
        $gateway->volatile()->compress(false)->emit('flags');
        $gateway->of('/chat')->in(7)->emit('number');
        $gateway->emit('bytes', ['deep' => [new Binary("\x00\xff")]], new Binary(''));
        return [$gateway->unconfirmed()->emit('unconfirmed'), $gateway->dryRun('dry'), attempt(fn () => $gateway->to()->emit('nobody'))];
    },
    'questions' => fn () => [
        'acks' => $gateway->to('a')->timeout(20)->emitWithAck('q', 1)['acks'],
        'first' => $gateway->first()->timeout(20)->emitWithAck('q')['acks']['complete'],
        'joined' => $gateway->in('a')->except('b')->socketsJoin('c', 7)['matched'],
        'counts' => $gateway->in('c', 7, 'a')->counts(),
        'left' => $gateway->in('c')->socketsLeave('a')['matched'],
        'fetched' => $gateway->in('c')->fetchSockets(),
        'told' => $gateway->serverSideEmit('tell', 1)['status'],
        'asked' => array_column($gateway->timeout(20)->serverSideEmitWithAck('sum', 2, 3)['responses'], 'value'),
        'disconnected' => $gateway->in('b')->disconnectSockets(close: true)['matched'],
        'all' => $gateway->counts()['sockets'],
        'refused' => attempt(fn () => $gateway->volatile()->socketsJoin('x')),
    ],
    'many' => fn () => array_map(fn ($number) => attempt(fn () => $gateway->emit('n', $number))['status'] ?? null, range(0, 99)),
    'mistakes' => fn () => [
        complains(fn () => $gateway->emit('once', "\xff")),
        complains(fn () => $gateway->emit('once', NAN)),
        complains(fn () => $gateway->emit('once', [new Binary(''), ['$binary' => '']])),
        complains(fn () => $gateway->batch()->emitWithAck('q')),
        complains(fn () => $gateway->idempotencyKey("k\n")->emit('once')),
        complains(fn () => $gateway->idempotencyKey('')->emit('once')),
        complains(fn () => $gateway->batch()->send('')),
    ],
];

echo json_encode($scenarios[$argv[1]](), JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
