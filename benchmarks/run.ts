/** `npm run bench`: the same as `galton bench`. */
import { benchCommand } from "./command.js";

process.exitCode = await benchCommand(process.argv.slice(2));
