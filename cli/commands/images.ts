import { environmentImages } from "../../components/images";
import { declare } from "../command";
import { columns } from "../report/terminal";
import { openStack, stackOptions } from "../stack-option";

export const command = declare({
  name: "images",
  summary: "list every image that a stack pulls, for a mirror",
  options: {
    ...stackOptions,
    json: { text: "an object for each image: component, image (what is pulled), source (what to copy to a mirror)" },
  },
  run({ json, ...given }) {
    const images = environmentImages(openStack(given).settings);
    const rows = images.map(({ component, image, source }) => {
      return [component, image, image === source ? "" : `from ${source}`];
    });
    console.log(json ? JSON.stringify(images, undefined, 2) : columns(rows).join("\n"));
    return 0;
  },
});
