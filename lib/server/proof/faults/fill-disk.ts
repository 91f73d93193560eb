import { fillDisk } from '../small-disk.ts';
import { type Fault, sleep } from './fault.ts';

export const fillDataDisk: Fault = {
  name: 'disk filled under the data folder',
  unavailable: ({ smallDisk }) => (smallDisk ? null : 'Mounting a small file system needs root.'),
  async inflict({ setting, random }) {
    const makeRoom = await fillDisk(setting.env.dataFolder);
    await sleep(500 + random.uniform() * 2_500);
    await makeRoom();
    return true;
  },
};
