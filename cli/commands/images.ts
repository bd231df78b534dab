import { environmentImages } from "../../components/images";
import { readStack } from "../../components/validation/stack";
import { declare } from "../command";
import { columns } from "../report/terminal";
import { chosenStack, projectRoot, stackOptions } from "../stack-option";

export const command = declare({
  name: "images",
  summary: "list every image that a stack pulls, for a mirror",
  options: {
    ...stackOptions,
    json: { text: "an object for each image: component, image (what is pulled), source (what to copy to a mirror)" },
  },
  run({ json, ...given }) {
    const images = environmentImages(readStack(projectRoot, chosenStack(given).configFile).settings);
    if (json) {
      console.log(JSON.stringify(images, undefined, 2));
      return 0;
    }
    const rows = images.map(({ component, image, source }) => [
      component,
      image,
      image === source ? "" : `from ${source}`,
    ]);
    console.log(columns(rows).join("\n"));
    return 0;
  },
});
