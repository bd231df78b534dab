/** What this project uses of it: the package has no types of its own. */
declare module "jstat" {
  export const jStat: {
    /** The regularized incomplete beta function of (a, b) at x, and its inverse. */
    ibeta(x: number, a: number, b: number): number;
    ibetainv(probability: number, a: number, b: number): number;
    readonly chisquare: {
      cdf(x: number, degrees: number): number;
      inv(probability: number, degrees: number): number;
    };
    /** The natural logarithm of the gamma function. */
    gammaln(x: number): number;
  };
}
