import { expect, it } from 'vitest';
import { jobHostDoor } from './host-address.ts';

const SECRET = 'a-secret-for-this-test-alone';

it('listens on loopback with a secret of its own unless told otherwise', () => {
  const door = jobHostDoor({});
  expect(door).toMatchObject({ address: '127.0.0.1', port: 0 });
  expect(door.secret).toMatch(/^[0-9a-f]{64}$/);
  expect(jobHostDoor({}).secret).not.toBe(door.secret);
  expect(jobHostDoor({ CONTIGUA_JOB_PORT: '4000', CONTIGUA_JOB_SECRET: SECRET })).toEqual({
    address: '127.0.0.1',
    port: 4000,
    secret: SECRET,
  });
});

it('listens beyond loopback with a secret alone', () => {
  expect(jobHostDoor({ CONTIGUA_JOB_ADDRESS: '0.0.0.0', CONTIGUA_JOB_SECRET: SECRET }).address).toBe('0.0.0.0');
  for (const address of ['0.0.0.0', '::', '192.0.2.7', '127.example.org']) {
    for (const secret of ['', 'short']) {
      expect(() => jobHostDoor({ CONTIGUA_JOB_ADDRESS: address, CONTIGUA_JOB_SECRET: secret })).toThrow(
        /CONTIGUA_JOB_SECRET.*expected 16 characters or more/,
      );
    }
  }
  for (const address of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    expect(jobHostDoor({ CONTIGUA_JOB_ADDRESS: address }).address).toBe(address);
  }
});

it.each(['70000', '-1', 'http', '1.5'])('refuses %s as a port', (port) => {
  expect(() => jobHostDoor({ CONTIGUA_JOB_PORT: port })).toThrow(/CONTIGUA_JOB_PORT/);
});
