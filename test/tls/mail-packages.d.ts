/** The packages have no types: what the tests use of them. */
declare module 'nodemailer' {
  interface Transport {
    sendMail(message: object): Promise<{ response: string }>;
    close(): void;
  }
  const nodemailer: { createTransport(options: object): Transport };
  export default nodemailer;
}
declare module 'smtp-server' {
  import type { EventEmitter } from 'node:events';
  import type { Server } from 'node:net';
  export class SMTPServer extends EventEmitter {
    constructor(options: object);
    server: Server;
    listen(port: number, host: string, done: () => void): void;
    close(done?: () => void): void;
  }
}
