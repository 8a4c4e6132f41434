/** Who is let in while descriptors are scarce. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptedTransport, serviceOfTypes } from './scripted-transport.ts';

test('while others have the descriptors, newcomers take the places of idle clients', () => {
  const scarceDescriptor = 20;
  const lastDescriptor = 27;
  const service = serviceOfTypes([], { scarceDescriptor });
  const free = new Set<number>();
  for (let fd = 10; fd <= lastDescriptor; fd += 1) {
    free.add(fd);
  }
  let clients: ScriptedTransport[] = [];
  const accept = (): void => {
    const descriptor = Math.min(...free);
    free.delete(descriptor);
    clients.push(new ScriptedTransport(service, descriptor));
    for (const client of clients.filter(({ destroyed }) => destroyed)) {
      free.add(client.descriptor!);
    }
    clients = clients.filter(({ destroyed }) => !destroyed);
    assert.ok(free.size > 0, 'no descriptor is left');
  };
  for (let count = 0; count < 50; count += 1) {
    accept();
  }
  assert.equal(service.counts.open, scarceDescriptor - 10);
  // Others take more of them, by and by.
  for (const fd of [...free].slice(0, 4)) {
    free.delete(fd);
    for (let count = 0; count < 10; count += 1) {
      accept();
    }
  }
  assert.equal(service.counts.open, clients.length);
  assert.ok(free.size >= 4, `${free.size} left`);
});
